// `node bench/render.ts`: writes tables and charts from bench/results into the README, the guides, bench/RESULTS.md and docs/bench.
// `--check` writes nothing and fails when they differ; `--results FOLDER` reads other results, to look at them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../.ci/build.ts';
import { barChart } from './support/chart.ts';
import { withFigures } from './support/figures.ts';
import { section } from './support/markdown.ts';
import type { AreaResults } from './support/results.ts';
import { resultsFolder } from './support/results.ts';
import { areas, readJson } from './support/workspace.ts';

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, results: { type: 'string', default: resultsFolder(false) } },
});

const wanted = new Map<string, string>();
const overview: string[] = [];
for (const area of areas().keys()) renderArea(area);
if (overview.length > 0) {
  const readme = join(root, 'README.md');
  wanted.set(
    readme,
    withFigures(readFileSync(readme, 'utf8'), (area) => resultsOf(`${area}.json`)),
  );
  const intro =
    'Written by `node bench/render.ts` from `bench/results`. Each subject runs in fresh processes, interleaved with the others round by round; each must give the same result before it is timed.';
  wanted.set(join(root, 'bench/RESULTS.md'), `# Benchmark results\n\n${intro}\n\n${overview.join('\n\n')}\n`);
}
finish();

function renderArea(area: string): void {
  const results = resultsOf(`${area}.json`);
  if (!results) return;
  const counted = resultsOf(`${area}.instructions.json`);
  const chart = join(root, 'docs/bench', `${area}.svg`);
  wanted.set(
    chart,
    barChart(
      `holdfast/${area}`,
      results.rows.filter(({ measure }) => measure === 'time'),
    ),
  );
  const textFor = (file: string): string =>
    section(results, counted, relative(dirname(file), chart).replaceAll('\\', '/'));
  const guide = join(root, 'docs/guides', `${area}.md`);
  if (existsSync(guide)) wanted.set(guide, filled(area, readFileSync(guide, 'utf8'), textFor(guide)));
  overview.push(`## ${area}\n\n${textFor(join(root, 'bench/RESULTS.md'))}`);
}

function resultsOf(file: string): AreaResults | undefined {
  const path = join(options.results, file);
  return existsSync(path) ? readJson<AreaResults>(path) : undefined;
}

/** The guide with `text` between the markers of its area. */
function filled(area: string, guide: string, text: string): string {
  const [open, close] = [`<!-- bench:${area} -->`, '<!-- /bench -->'];
  const from = guide.indexOf(open);
  const to = guide.indexOf(close, from);
  if (from < 0 || to < 0) throw new Error(`docs/guides/${area}.md has no ${open} ... ${close}`);
  return `${guide.slice(0, from)}${open}\n\n${text}\n\n${guide.slice(to)}`;
}

function finish(): void {
  const stale = [...wanted].filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text);
  for (const [path, text] of options.check ? [] : stale) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  for (const [path] of stale) console.log(`${options.check ? 'differs' : 'written'}: ${relative(root, path)}`);
  if (options.check && stale.length > 0) {
    console.log('render: docs and bench/results differ; run node bench/render.ts');
    process.exitCode = 1;
  } else if (wanted.size === 0) console.log(`render: no results in ${relative(root, options.results)}`);
  else if (stale.length === 0) console.log('render: docs and bench/results agree');
}
