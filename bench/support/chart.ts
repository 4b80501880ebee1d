import { amount } from './table.ts';
import type { Row, SubjectResult } from './stats.ts';

const WIDTH = 720;
const LABEL = 296;
const BAR = 330;
const LINE = 18;

/*
 * Ours stands out by colour and weight, not by colour alone. The paper is drawn too: the page around may be light while
 * the system is dark, and the other way round.
 */
const STYLE = `
  .paper { fill: #ffffff; }
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .unit { fill: #59636e; }
  .ours { fill: #0969da; } .peer { fill: #8c959f; } .limit { fill: #c9a26d; }
  .own { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; }
    text { fill: #e6edf3; }
    .unit { fill: #9198a1; }
    .ours { fill: #4493f8; } .peer { fill: #656c76; } .limit { fill: #8a6d3b; }
  }`;

/**
 * Draws the times of an area, one group of bars per case. Each group has its own scale, because a
 * tryAcquire and a pipeline share none: bars compare within a group only.
 */
export function barChart(title: string, rows: readonly Row[]): string {
  const groups: string[] = [];
  let y = 46;
  for (const row of rows) {
    groups.push(`<text class="title" x="8" y="${y + 12}">${escaped(row.caseName)}</text>`);
    y += LINE + 2;
    const longest = Math.max(...row.subjects.map((subject) => subject.median));
    for (const subject of row.subjects) {
      groups.push(bar(subject, row.unit, longest, y));
      y += LINE;
    }
    y += 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}
</style>
<rect class="paper" width="${WIDTH}" height="${y}" rx="6"/>
<text class="title" x="8" y="20">${escaped(title)}</text>
<text class="unit" x="8" y="36">Median time per call, less is better. Each group has its own scale.</text>
${groups.join('\n')}
</svg>
`;
}

function bar(subject: SubjectResult, unit: string, longest: number, y: number): string {
  const { name, median } = subject;
  const width = Math.max(1, Math.round((BAR * median) / longest));
  const kind = kindOf(name);
  const weight = kind === 'ours' ? ' class="own"' : '';
  return [
    `<text${weight} x="${LABEL}" y="${y + 12}" text-anchor="end">${escaped(name)}</text>`,
    `<rect class="${kind}" x="${LABEL + 8}" y="${y + 3}" width="${width}" height="11" rx="2"/>`,
    `<text${weight} x="${LABEL + 14 + width}" y="${y + 12}">${amount(median, unit)}</text>`,
  ].join('');
}

function kindOf(name: string): 'ours' | 'limit' | 'peer' {
  // Where all subjects are of this library, ours are those that do what the case is about.
  if (/^(?:holdfast|diagnostics|otel|tracePolicy)\b/.test(name)) return 'ours';
  return name.startsWith('limit') || name === 'raw call' ? 'limit' : 'peer';
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
