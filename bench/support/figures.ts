import type { AreaResults } from './results.ts';
import { compare } from './stats.ts';

/** The one figure that decides, of a row of the README: our time against that of the best peer. */
interface Figure {
  readonly area: string;
  readonly caseName: string;
  readonly peer: string;
  /** @defaultValue `holdfast` */
  readonly subject?: string;
  /** @defaultValue `time` */
  readonly measure?: string;
}

/** By the name of the primitive in the README's table. A row without one has no peer worth the name. */
const figures: Readonly<Record<string, Figure>> = {
  'circuit breaker': { area: 'circuit-breaker', caseName: 'success', peer: 'cockatiel' },
};

const row = /^\| \[(?<name>[^\]]+)\]\([^)]*\) \|[^|]*\|[^|]*\|(?<figure>[^|]*)\|/gm;

/** Writes the figures of the results that there are into the fourth column of the README's table. */
export function withFigures(readme: string, resultsOf: (area: string) => AreaResults | undefined): string {
  return readme.replaceAll(row, (line, ...rest) => {
    const { name, figure } = rest.at(-1) as { readonly name: string; readonly figure: string };
    const wanted = figures[name];
    const text = wanted === undefined ? '' : figureText(wanted, resultsOf(wanted.area));
    return `${line.slice(0, line.length - figure.length - 1)}${text === '' ? ' ' : ` ${text} `}|`;
  });
}

function figureText(
  { area, caseName, peer, subject = 'holdfast', measure = 'time' }: Figure,
  results?: AreaResults,
): string {
  if (!results) return '';
  const subjects = results.rows.find((one) => one.caseName === caseName && one.measure === measure)?.subjects;
  const [ours, theirs] = [subject, peer].map((wanted) => subjects?.find(({ name }) => name === wanted));
  if (!ours || !theirs) throw new Error(`${area} has no ${measure} of ${caseName} with ${subject} and ${peer}`);
  const { ratio } = compare(ours, theirs);
  return `${ratio >= 0.1 ? ratio.toFixed(2) : ratio.toPrecision(1)} × ${peer}`;
}
