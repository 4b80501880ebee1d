import type { AreaResults } from './results.ts';
import type { Row } from './stats.ts';
import { linesOf } from './table.ts';

/** What stands between the markers of an area: chart, table, and how to take it again. */
export function section(results: AreaResults, counted: AreaResults | undefined, chart: string): string {
  const goals = results.rows.flatMap((row) => row.goals);
  const met = goals.filter(({ isMet }) => isMet).length;
  return [
    provenance(results),
    `![Time per call, ${results.area}](${chart})`,
    `${met} of ${goals.length} goals met. "ours / theirs" is the median of the ratios of each round, with the least and the most of them; less is better. A limit is the least that any library could do: a goal against one says how near to it ours must be.`,
    table(results.rows),
    ...(counted ? instructions(counted) : []),
    cases(results.rows),
  ].join('\n\n');
}

function instructions(counted: AreaResults): string[] {
  const { commit, date, machine } = counted;
  return [
    `Instructions per call, counted by callgrind on Node ${machine.node} at \`${commit}\` on ${date}. They repeat on any machine of this kind, but are not time: a cache miss costs nothing here. \`npm run bench -- --instructions ${counted.area}\` counts them again.`,
    table(counted.rows),
  ];
}

function provenance(results: AreaResults): string {
  const { area, commit, date, isCpuTime, isDirty, isQuick, machine, peers, rounds, rows } = results;
  const versions = Object.entries(peers)
    .filter(([name]) => rows.some((row) => isNamed(name, row)))
    .map(([name, version]) => `${name} ${version}`);
  return [
    `Measured on ${date} at commit \`${commit}\`${isDirty ? ' with changes' : ''}, Node ${machine.node} (V8 ${machine.v8}), ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os}; ${rounds} rounds of fresh, interleaved processes${isQuick ? ', **a quick run: not to be quoted**' : ''}${isCpuTime ? '. Times are processor time of the main thread, because the machine had other work' : ''}.`,
    `${versions.length > 0 ? `Peers: ${versions.join(', ')}. ` : ''}To repeat: \`npm run bench ${isCpuTime ? '-- --cpu-time ' : ''}${area}\`, then \`node bench/render.ts\`.`,
  ].join(' ');
}

/** Packages that are called by a word: in what is said of a case, it is the word. */
const WORDS: ReadonlySet<string> = new Set(['limiter', 'postgres']);

/** Whether a package takes part in a case, or is spoken of. */
function isNamed(name: string, { caseName, about, subjects }: Row): boolean {
  const whole = new RegExp(`(?<![\\w@/-])${name.replaceAll('.', '[.]')}(?![\\w/-])`);
  const texts = WORDS.has(name) ? [] : [caseName, about];
  return [...texts, ...subjects.map((subject) => subject.name)].some((text) => whole.test(text));
}

function table(rows: readonly Row[]): string {
  const head = ['case', 'subject', 'result', 'ours / theirs', 'goal', ''];
  const body = rows.flatMap((row) =>
    linesOf(row).map((line, k) => [
      k === 0 ? `**${line.caseName}**, ${line.measure}` : '',
      line.subject,
      line.value,
      line.ratio,
      line.goal,
      line.verdict,
    ]),
  );
  const lines = [head, head.map((_, k) => (k === 2 || k === 3 ? '--:' : '---')), ...body];
  return lines.map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** What each case does, once. */
function cases(rows: readonly Row[]): string {
  const abouts = new Map(rows.map(({ caseName, about }) => [caseName, about]));
  return [...abouts].map(([name, about]) => `- **${name}**: ${about}.`).join('\n');
}
