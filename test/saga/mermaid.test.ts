import { describe, expect, it } from 'vitest';
import { saga, toMermaid } from '../../src/saga/index.ts';

const nothing = (): void => {};
const undoable = { run: nothing, compensate: nothing };

/** Ids of nodes, and the arrows between them by the texts of their ends. */
function read(text: string): { readonly nodes: Map<string, string>; readonly arrows: string[] } {
  const nodes = new Map<string, string>();
  for (const [, id, label] of text.matchAll(/^ {2}(\w+)\W*"([^"]*)"\W*$/gm)) nodes.set(id!, label!);
  const arrows = Array.from(
    text.matchAll(/^ {2}(\w+) (-->|-\.->|-\.-)(?:\|"(\w+)"\|)? (\w+)$/gm),
    ([, from, arrow, label, to]) => `${nodes.get(from!)} ${arrow}${label ? ` ${label}:` : ''} ${nodes.get(to!)}`,
  );
  return { nodes, arrows };
}

describe('toMermaid', () => {
  it('draws steps in order, and their compensations in the order in which they run', () => {
    const order = saga('order')
      .step('reserve', undoable)
      .step('look', { run: nothing })
      .step('charge', undoable)
      .step('pay', { run: nothing, kind: 'pivot' })
      .step('notify', { run: nothing });
    const text = toMermaid(order);
    expect(text.startsWith('flowchart TD\n')).toBe(true);
    expect(read(text).arrows).toEqual([
      'order v1 --> reserve',
      'reserve --> look',
      'look --> charge',
      'charge --> pay',
      'pay --> notify, until it succeeds',
      'notify, until it succeeds --> completed',
      'charge -.- undo charge',
      'reserve -.- undo reserve',
      'undo charge -.-> undo reserve',
      'undo reserve -.-> compensated',
    ]);
    expect(text).toContain('[["pay"]]');
  });

  it('draws branches side by side, conditions with both ways, fan-outs, children and waits', () => {
    const pack = saga('pack', { version: 3 }).step('box', undoable);
    const order = saga('order')
      .parallel('both', { a: { run: nothing }, b: { run: nothing } })
      .when('gift', () => true, { run: nothing })
      .child('packing', pack, () => undefined)
      .each('items', { items: () => [1], key: String, run: nothing })
      .sleep('rest', 5)
      .sleep('doze', () => 5)
      .event('paid', { timeoutMs: 10 })
      .event('seen');
    const text = toMermaid(order);
    expect(read(text).arrows).toEqual([
      'order v1 --> both/a',
      'order v1 --> both/b',
      'both/a --> gift?',
      'both/b --> gift?',
      'gift? --> yes: gift',
      'gift --> box',
      'gift? --> no: box',
      'box --> items, for each',
      'items, for each --> rest: sleep 5 ms',
      'rest: sleep 5 ms --> doze: sleep',
      'doze: sleep --> paid: event, at most 10 ms',
      'paid: event, at most 10 ms --> seen: event',
      'seen: event --> completed',
      'box -.- undo box',
      'undo box -.-> compensated',
    ]);
    // A node that is named between `subgraph` and `end` would become part of the child.
    expect(text).toMatch(/ {2}subgraph s\d+\["packing: pack v3"\]\n {2}n\d+\["box"\]\n {2}end\n/);
  });

  it('writes hostile names such that they stay texts', () => {
    const name = 'a"] --> b; %% `x` <script> end\n#quot;';
    const text = toMermaid(saga(name).step(name, { run: nothing }));
    expect(text.split('\n').length).toBe(7);
    expect(text).not.toMatch(/<script>|%%|`/);
    const { nodes } = read(text);
    const plain = [...nodes.values()].map((label) =>
      label.replaceAll(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code))),
    );
    expect(plain).toEqual([`${name} v1`, name, 'completed']);
  });

  it('draws a definition without steps or without compensations, and nothing of undoing', () => {
    expect(read(toMermaid(saga('empty', { version: 2 }))).arrows).toEqual(['empty v2 --> completed']);
    expect(toMermaid(saga('plain').step('a', { run: nothing }))).not.toContain('compensated');
    expect(read(toMermaid(saga('none').parallel('p', {}))).arrows).toEqual(['none v1 --> completed']);
  });
});
