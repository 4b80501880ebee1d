import type { Ring } from '../../../src/ring/index.ts';
import { createRing, diffRings, hashPosition } from '../../../src/ring/index.ts';
import { action, choice, slider } from '../kit/controls.ts';
import type { Control } from '../kit/controls.ts';
import type { Panel } from '../kit/panel.ts';
import { html, mark, percent, picture, scale, svg, text } from '../kit/svg.ts';
import type { Algorithm, Member } from './ring-model.ts';
import { algorithms, idealShares, knowsWeights, leastMove, movedShare, placeBy } from './ring-model.ts';

const KEYS = 4000;
const SHOWN_KEYS = 240;
const MAX_NODES = 8;

interface Owner extends Member {
  readonly share: number;
  readonly ideal: number;
  readonly colour: string;
}

interface RingResult {
  readonly algorithm: Algorithm;
  readonly nodes: readonly Owner[];
  readonly arcs: ReturnType<typeof diffRings>['ranges'];
  readonly keys: readonly { readonly position: number; readonly colour: string; readonly isMoved: boolean }[];
  readonly moves: readonly { readonly algorithm: Algorithm; readonly moved: number; readonly least: number }[];
  readonly change: string;
}

/** Nodes as the visitor has them now and had them before the last change. */
class Membership {
  now: readonly Member[] = ['A', 'B', 'C', 'D'].map((id) => ({ id, weight: 1 }));
  before: readonly Member[] = this.now.slice(0, 3);
  change = 'D was added';
  readonly list: HTMLElement = html('div', { class: 'members' });

  constructor() {
    this.#show();
  }

  add(): void {
    const id = 'ABCDEFGH'.split('').find((name) => !this.now.some((node) => node.id === name));
    if (id) this.#become([...this.now, { id, weight: 1 }], `${id} was added`);
  }

  #become(nodes: readonly Member[], change: string): void {
    [this.before, this.now, this.change] = [this.now, nodes, change];
    this.#show();
  }

  #show(): void {
    this.list.replaceChildren(...this.now.map((node) => this.#row(node)));
  }

  #row(node: Member): HTMLElement {
    const weight = html(
      'select',
      { 'aria-label': `Weight of ${node.id}` },
      [1, 2, 3, 4].map((value) => html('option', { value }, [`weight ${value}`])),
    );
    weight.value = String(node.weight);
    weight.addEventListener('change', () => {
      const changed = { ...node, weight: Number(weight.value) };
      const words = `${node.id} got weight ${changed.weight} instead of ${node.weight}`;
      this.#become(
        this.now.map((each) => (each.id === node.id ? changed : each)),
        words,
      );
      this.list.querySelector<HTMLElement>(`[aria-label="Weight of ${node.id}"]`)?.focus();
      this.#tell();
    });
    const remove = html('button', { type: 'button', 'aria-label': `Remove ${node.id}` }, ['remove']);
    remove.disabled = this.now.length === 1;
    remove.addEventListener('click', () => {
      this.#become(
        this.now.filter(({ id }) => id !== node.id),
        `${node.id} was removed`,
      );
      this.list.querySelector<HTMLElement>('button')?.focus();
      this.#tell();
    });
    return html('div', { class: 'member', 'data-member': node.id }, [
      html('span', { class: `swatch ${colourOf(node.id)}` }),
      html('strong', {}, [node.id]),
      weight,
      remove,
    ]);
  }

  #tell(): void {
    this.list.dispatchEvent(new Event('input', { bubbles: true }));
  }
}

const colourOf = (id: string | undefined): string => `c${'ABCDEFGH'.indexOf(id ?? '')}`;

export function ringPanel(): Panel<RingResult> {
  const members = new Membership();
  const algorithm = choice('Algorithm', algorithms, 'ring');
  const vnodes = slider({ label: 'Virtual nodes (hash ring)', min: 1, max: 320, value: 160 });
  const add = action('Add a node', () => members.add());
  return {
    id: 'ring',
    title: 'Hash ring',
    intro:
      'Where keys live, and how many have to move when a node comes or goes. Change the nodes and compare the ' +
      'algorithms: the tick on each bar is what an even spread of the keys has to move.',
    guide: 'documents/Guides_Ring.html',
    controls: [algorithm, vnodes, add, { element: members.list }],
    simulate: (seed) => {
      add.element.disabled = members.now.length >= MAX_NODES;
      return simulate(members, algorithm.value, vnodes, seed);
    },
    draw,
    tell: ({ moves, algorithm: chosen, change }) => {
      const { moved, least } = moves.find((move) => move.algorithm === chosen)!;
      return `${change}: ${algorithms[chosen]} moves ${percent(moved)} of ${KEYS} keys; an even spread has to move ${percent(least)}.`;
    },
  };
}

function simulate(members: Membership, algorithm: Algorithm, vnodes: Control<number>, seed: number): RingResult {
  const options = { vnodes: vnodes.value, seed };
  const { now, before, change } = members;
  const keys = Array.from({ length: KEYS }, (_, k) => `key-${k}`);
  const [place, placed] = [placeBy(algorithm, now, options), placeBy(algorithm, before, options)];
  const owners = keys.map(place);
  const ideal = idealShares(now, knowsWeights(algorithm));
  const ring = createRing({ nodes: now, ...options });
  const shareOf = (id: string): number => owners.filter((owner) => owner === id).length / KEYS;
  return {
    algorithm,
    change,
    nodes: now.map((node) => ({
      ...node,
      share: algorithm === 'ring' ? ring.ownership().get(node.id)! : shareOf(node.id),
      ideal: ideal.get(node.id)!,
      colour: colourOf(node.id),
    })),
    arcs: algorithm === 'ring' ? arcsOf(ring, options) : [],
    keys: keys.slice(0, SHOWN_KEYS).map((key, k) => ({
      position: hashPosition(key, seed) / 2 ** 32,
      colour: colourOf(owners[k]),
      isMoved: placed(key) !== owners[k],
    })),
    moves: (Object.keys(algorithms) as Algorithm[]).map((each) => ({
      algorithm: each,
      moved: movedShare(keys, placeBy(each, before, options), placeBy(each, now, options)),
      least: leastMove(before, now, knowsWeights(each)),
    })),
  };
}

/** The stretches of the ring and their owners: what moves from nobody when all nodes come at once. */
function arcsOf(ring: Ring, { vnodes, seed }: { vnodes: number; seed: number }): RingResult['arcs'] {
  return diffRings(createRing({ vnodes, seed }), ring).ranges;
}

function draw(result: RingResult, width: number): readonly Element[] {
  const isNarrow = width < 560;
  const circle = isNarrow ? width : Math.min(340, width * 0.42);
  const bars = isNarrow ? width : width - circle - 24;
  const parts = [drawCircle(result, circle), html('div', {}, [drawShares(result, bars), drawMoves(result, bars)])];
  return [html('div', { class: 'beside' }, parts)];
}

function drawCircle({ arcs, keys, nodes, algorithm }: RingResult, size: number): Element {
  const [centre, radius] = [size / 2, size / 2 - 26];
  const at = (share: number, r: number): string => {
    const angle = share * 2 * Math.PI - Math.PI / 2;
    return `${(centre + r * Math.cos(angle)).toFixed(2)} ${(centre + r * Math.sin(angle)).toFixed(2)}`;
  };
  const paths = nodes.map(({ id, colour, share }) => {
    const own = arcs.filter(({ to }) => to === id);
    const d = own.map(({ start, end }) => {
      const [a, b] = [start / 2 ** 32, (end + 1) / 2 ** 32];
      return `M${at(a, radius)}A${radius} ${radius} 0 ${b - a > 0.5 ? 1 : 0} 1 ${at(Math.min(b, a + 0.9999), radius)}`;
    });
    const tip = `${id}: ${percent(share)} of the ring, in ${own.length} stretches`;
    return mark('path', { class: `arc ${colour}`, d: d.join(''), 'data-arc': id, 'data-stretches': own.length }, tip);
  });
  const dots = keys.map(({ position, colour, isMoved }) => {
    const [cx, cy] = at(position, radius + (isMoved ? 17 : 12)).split(' ');
    return svg('circle', { class: `key ${colour}`, cx, cy, r: isMoved ? 3.5 : 2, 'data-moved': isMoved });
  });
  const label = `Circle of all positions with ${keys.length} keys; those that moved stand out`;
  return picture(size, size, label, [
    ...(arcs.length === 0 ? [svg('circle', { class: 'hollow', cx: centre, cy: centre, r: radius })] : paths),
    ...dots,
    text(centre, centre - 4, algorithms[algorithm], { class: 'strong', 'text-anchor': 'middle' }),
    text(centre, centre + 14, `${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}`, {
      class: 'tick',
      'text-anchor': 'middle',
    }),
  ]);
}

const ROW = 26;
const LABEL = 118;

function drawShares({ nodes }: RingResult, width: number): Element {
  const x = scale(0, Math.max(...nodes.map(({ share, ideal }) => Math.max(share, ideal))), LABEL, width - 64);
  const rows = nodes.flatMap(({ id, share, ideal, colour }, k) => {
    const y = 24 + k * ROW;
    const tip = `${id} has ${percent(share)}, by weight ${percent(ideal)}`;
    const attributes = { 'data-node': id, 'data-share': share, 'data-ideal': ideal };
    return [
      text(LABEL - 8, y + 13, `node ${id}`, { class: 'tick', 'text-anchor': 'end' }),
      mark('rect', { class: colour, x: LABEL, y, width: x(share) - LABEL, height: 18, rx: 2, ...attributes }, tip),
      svg('line', { class: 'bound', x1: x(ideal), x2: x(ideal), y1: y - 3, y2: y + 21 }),
      text(x(Math.max(share, ideal)) + 6, y + 13, percent(share), { class: 'value' }),
    ];
  });
  return picture(width, 30 + nodes.length * ROW, 'Share of each node', [
    text(0, 12, 'Share of each node; the tick is its part by weight', { class: 'caption' }),
    ...rows,
  ]);
}

function drawMoves({ moves, algorithm, change }: RingResult, width: number): Element {
  const x = scale(0, Math.max(0.01, ...moves.map(({ moved, least }) => Math.max(moved, least))), LABEL, width - 64);
  const rows = moves.flatMap((move, k) => {
    const y = 24 + k * ROW;
    const tip = `${algorithms[move.algorithm]} moved ${percent(move.moved)}, an even spread has to move ${percent(move.least)}`;
    const attributes = { 'data-algorithm': move.algorithm, 'data-moved-share': move.moved, 'data-least': move.least };
    const style = move.algorithm === algorithm ? 'accent' : 'muted';
    return [
      text(LABEL - 8, y + 13, algorithms[move.algorithm], { class: 'tick', 'text-anchor': 'end' }),
      mark('rect', { class: style, x: LABEL, y, width: x(move.moved) - LABEL, height: 18, rx: 2, ...attributes }, tip),
      svg('line', { class: 'bound', x1: x(move.least), x2: x(move.least), y1: y - 3, y2: y + 21 }),
      text(x(Math.max(move.moved, move.least)) + 6, y + 13, percent(move.moved), { class: 'value' }),
    ];
  });
  return picture(width, 30 + moves.length * ROW, 'Keys moved by the last change', [
    text(0, 12, `Keys moved when ${change}`, { class: 'caption' }),
    ...rows,
  ]);
}
