import type { AnySaga, SagaNode } from './definition.ts';

/** Steps on the way, how they are drawn, and where the way leads on. */
interface Drawing {
  readonly lines: string[];
  /** Apart, because a node that is named within a subgraph becomes part of it. */
  readonly edges: string[];
  /** What leads to the next node: ids, each with the text on its arrow. */
  ends: readonly (readonly [id: string, label: string])[];
  /** Steps with a compensation, in order, that are undone when a later one fails. */
  readonly undone: (readonly [id: string, label: string])[];
  nodes: number;
}

/**
 * Draws a definition as a Mermaid flowchart, https://mermaid.js.org: steps downwards, and beside them, dotted, what
 * undoes them, in the order in which it runs.
 *
 * A pivot has double edges: from there on there is no way back. Costs O(steps), children included.
 *
 * @example
 * ```ts
 * import { saga, toMermaid } from 'holdfast/saga';
 *
 * const order = saga('order')
 *   .step('reserve', { run: () => 1, compensate: () => {} })
 *   .step('charge', { kind: 'pivot', run: () => 2 })
 *   .step('notify', { run: () => 3 });
 * console.log(toMermaid(order)); // flowchart TD ...
 * ```
 */
export function toMermaid(saga: AnySaga): string {
  const drawing: Drawing = { lines: ['flowchart TD'], edges: [], ends: [], undone: [], nodes: 0 };
  add(drawing, `(["${escaped(saga.name)} v${saga.version}"])`);
  drawNodes(drawing, saga.nodes);
  add(drawing, '(["completed"])');
  if (drawing.undone.length > 0) drawUndoing(drawing);
  return `${[...drawing.lines, ...drawing.edges].join('\n')}\n`;
}

/** Adds a node after whatever leads on, and answers its id. */
function add(drawing: Drawing, shape: string): string {
  const id = `n${drawing.nodes++}`;
  drawing.lines.push(`  ${id}${shape}`);
  for (const [from, label] of drawing.ends) drawing.edges.push(`  ${from} -->${label && `|"${label}"|`} ${id}`);
  drawing.ends = [[id, '']];
  return id;
}

/** Each compensation beside its step, and from the last one back to the first. */
function drawUndoing(drawing: Drawing): void {
  let later: string | undefined;
  for (const [step, label] of [...drawing.undone].reverse()) {
    const id = `u${step}`;
    drawing.lines.push(`  ${id}["${label}"]`);
    drawing.edges.push(`  ${step} -.- ${id}`);
    if (later !== undefined) drawing.edges.push(`  ${later} -.-> ${id}`);
    later = id;
  }
  drawing.lines.push('  compensated(["compensated"])');
  drawing.edges.push(`  ${later} -.-> compensated`);
}

function drawNodes(drawing: Drawing, nodes: readonly SagaNode[]): void {
  for (const node of nodes) drawNode(drawing, node);
}

function drawNode(drawing: Drawing, node: SagaNode): void {
  const name = escaped(node.name);
  switch (node.type) {
    case 'step':
      return drawStep(drawing, name, node);
    case 'when': {
      const test = add(drawing, `{"${name}?"}`);
      drawing.ends = [[test, 'yes']];
      drawStep(drawing, name, node);
      drawing.ends = [...drawing.ends, [test, 'no']];
      return;
    }
    case 'each':
      return drawStep(drawing, `${name}, for each`, node);
    case 'parallel': {
      const before = drawing.ends;
      const ends = node.branches.flatMap((branch) => {
        drawing.ends = before;
        drawStep(drawing, `${name}/${escaped(branch.name)}`, branch);
        return drawing.ends;
      });
      drawing.ends = ends.length > 0 ? ends : before;
      return;
    }
    case 'child':
      drawing.lines.push(`  subgraph s${drawing.nodes}["${name}: ${escaped(node.saga.name)} v${node.saga.version}"]`);
      drawNodes(drawing, node.saga.nodes);
      drawing.lines.push('  end');
      return;
    case 'sleep':
      add(drawing, `>"${name}: sleep${typeof node.ms === 'number' ? ` ${node.ms} ms` : ''}"]`);
      return;
    case 'event':
      add(drawing, `>"${name}: event${node.timeoutMs < Infinity ? `, at most ${node.timeoutMs} ms` : ''}"]`);
  }
}

function drawStep(drawing: Drawing, text: string, { kind, def }: Extract<SagaNode, { readonly def: unknown }>): void {
  const label = `"${text}${kind === 'retriable' ? ', until it succeeds' : ''}"`;
  const id = add(drawing, kind === 'pivot' ? `[[${label}]]` : `[${label}]`);
  if (def.compensate) drawing.undone.push([id, `undo ${text}`]);
}

/** Mermaid reads entities in quoted texts, and nothing else there. */
function escaped(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} _.,:()-]/gu, (sign) => `#${sign.codePointAt(0)};`);
}
