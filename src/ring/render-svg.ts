import type { Picture } from './render.ts';

/** Parts into which the circle is divided: half a degree each. */
const PARTS = 720;

/** Lines of the list; what does not fit is counted. */
const LIST = 24;

export function renderSvg({ nodes, nodeAt, key }: Picture, width: number): string {
  const size = Math.round(width * 0.6);
  const center = size / 2;
  const outer = size * 0.4;
  const at = (turn: number, radius: number): string => {
    const angle = turn * 2 * Math.PI;
    return `${round(center + radius * Math.sin(angle))} ${round(center - radius * Math.cos(angle))}`;
  };
  const dot = (turn: number, radius: number, text: string): string => {
    const [x, y] = at(turn, radius).split(' ');
    const circle = `<circle cx="${x}" cy="${y}" r="9" fill="var(--page)" stroke="var(--ink)" stroke-width="1.5"/>`;
    return `${circle}<text x="${x}" y="${y}" dy="4" font-size="11" text-anchor="middle">${text}</text>`;
  };
  const parts = arcs(nodeAt).map(({ from, to, node }) => {
    const [a, b] = [from / PARTS, to / PARTS];
    return `<path d="M${at(a, outer)}A${outer} ${outer} 0 0 1 ${at(b, outer)}" stroke="${colorOf(node)}"/>`;
  });
  const marks: string[] = [];
  if (key) {
    marks.push(
      `<path d="M${at(key.turn, outer * 0.25)}L${at(key.turn, outer * 1.22)}" stroke="var(--ink)" stroke-width="1.5" stroke-dasharray="4 3"/>`,
    );
    for (const [rank, { turn }] of key.found.entries())
      marks.push(dot(turn, outer * (0.8 - 0.14 * (rank % 4)), String(rank + 1)));
    marks.push(`<text x="${center}" y="${center}" dy="5" text-anchor="middle">${escape(key.label, 24)}</text>`);
  }
  const list = nodes.slice(0, LIST).map(({ id, share }, node) => {
    const rank = key?.found.findIndex((one) => one.node === node) ?? -1;
    const y = 40 + node * 22;
    const swatch = `<rect x="${size}" y="${y - 11}" width="13" height="13" rx="2" fill="${colorOf(node)}"/>`;
    const text = `${(share * 100).toFixed(2)} %  ${rank < 0 ? '' : `(${rank + 1}) `}`;
    return `${swatch}<text x="${size + 22}" y="${y}">${text}${escape(id, 20)}</text>`;
  });
  if (nodes.length > LIST) list.push(`<text x="${size}" y="${40 + LIST * 22}">and ${nodes.length - LIST} more</text>`);
  const height = Math.max(size, 40 + list.length * 22);
  const title = `Hash ring of ${nodes.length} nodes`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<title>${title}</title>
<style>svg{--ink:#1f2328;--page:#fff}@media(prefers-color-scheme:dark){svg{--ink:#e6edf3;--page:#0d1117}}text{font:13px ui-sans-serif,system-ui,sans-serif;fill:var(--ink);white-space:pre}path{fill:none}</style>
<g stroke-width="${round(size * 0.07)}">
${parts.join('\n')}
</g>
${[...marks, ...list].join('\n')}
</svg>
`;
}

/** Stretches of the circle with one owner, none longer than half of it: an arc cannot end where it begins. */
function arcs(nodeAt: (turn: number) => number): { from: number; to: number; node: number }[] {
  const found: { from: number; to: number; node: number }[] = [];
  for (let part = 0; part < PARTS; part++) {
    const node = nodeAt((part + 0.5) / PARTS);
    const last = found.at(-1);
    if (last?.node === node && part !== PARTS / 2) last.to = part + 1;
    else found.push({ from: part, to: part + 1, node });
  }
  return found;
}

/** Hues a golden angle apart are never close for neighbours; two lightnesses tell apart more. */
function colorOf(node: number): string {
  return node < 0 ? '#8884' : `hsl(${round((node * 137.508 + 210) % 360)} 62% ${node % 2 ? 62 : 48}%)`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Text that XML can hold, cut to a length. */
function escape(text: string, most: number): string {
  const characters = Array.from(text);
  const short = characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : text;
  return short.replace(/[\p{C}]/gu, '\ufffd').replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
