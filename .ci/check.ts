// `npm run check`: everything that needs no test to run. One line a step; the output of those that fail.
// `npm run check -- --fix` formats, and writes API reports, sizes and the README's size column anew.
import { spawnSync } from 'node:child_process';
import { apiReports } from './api-reports.ts';
import { ensureBuilt, installPacked } from './build.ts';

const fix = process.argv.includes('--fix');

/** A step does its work and returns what is wrong, or nothing. */
type Step = () => string | Promise<string>;

const steps: readonly (readonly [string, Step])[] = [
  ['lint', () => program('oxlint', ['--type-aware', '--deny-warnings', ...(fix ? ['--fix'] : [])])],
  ['format', () => program('oxfmt', fix ? [] : ['--check'])],
  ['types', () => program('tsc', ['-p', 'tsconfig.json'])],
  ['types of the build', () => program('tsc', ['-p', 'tsconfig.build.json'])],
  ['build', () => (ensureBuilt(), '')],
  ['unused code', () => program('knip', [])],
  ['public API', () => apiReports(fix).join('\n')],
  ['package', () => program('publint', ['--strict'])],
  ['types of the package', () => program('attw', ['--pack', '.', '--profile', 'node16', '--no-emoji', '--no-color'])],
  ['benchmark tables', () => program('node', ['bench/render.ts', ...(fix ? [] : ['--check'])])],
  ['sizes', fix ? () => program('node', ['.ci/sizes.ts']) : checkSizes],
];

function program(name: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  return status === 0 ? '' : `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` || `${name} ended with ${status}`;
}

async function checkSizes(): Promise<string> {
  const { measureSizes, readSizes } = await import('../test/package/sizes.ts');
  const ceilings = readSizes();
  const over: string[] = [];
  for (const [path, row] of Object.entries(await measureSizes(installPacked()))) {
    for (const [names, bytes] of Object.entries(row)) {
      const ceiling = ceilings[path]?.[names] ?? 0;
      if (bytes > ceiling) over.push(`${path} ${names}: ${bytes} bytes, at most ${ceiling}`);
    }
  }
  return over.join('\n');
}

const failed: string[] = [];
for (const [name, step] of steps) {
  const startMs = performance.now();
  const wrong = await Promise.resolve()
    .then(step)
    .catch((error: unknown) => String(error));
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  console.log(`${wrong === '' ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (wrong !== '') console.log(wrong.trimEnd().replaceAll(/^/gm, '       '));
  if (wrong !== '') failed.push(name);
}
if (failed.length > 0) {
  console.log(`\ncheck: ${failed.join(', ')} failed${fix ? '' : '; npm run check -- --fix may help'}`);
  process.exitCode = 1;
}
