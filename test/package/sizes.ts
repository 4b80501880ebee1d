import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPacked, root, runOrThrow } from '../../.ci/build.ts';
import { entryPoints } from '../../.ci/entry-points.ts';
import { bundle } from './measure.ts';

/** Import path to names to the most bytes, min + brotli, that a bundle with these names may have. */
export type Sizes = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What users take together; each function of each entry point is measured alone as well. */
const together: readonly (readonly [string, string])[] = [
  ['holdfast', 'createCircuitBreaker, consecutiveFailures, retry, timeout, createBulkhead, pipeline'],
  ['holdfast', '*'],
  ['holdfast/circuit-breaker', 'createCircuitBreaker, consecutiveFailures'],
  ['holdfast/circuit-breaker', 'createCircuitBreaker, timeWindow'],
  ['holdfast/circuit-breaker', '*'],
  ['holdfast/policy', '*'],
  ['holdfast/rate-limit', 'createRateLimiter, tokenBucket'],
  ['holdfast/rate-limit', 'createRateLimiter, tokenBucket, fixedWindow, slidingWindow, slidingLog'],
  ['holdfast/rate-limit', 'createRateQueue, tokenBucket'],
  ['holdfast/rate-limit', 'createConcurrencyLimiter, bbrLimit'],
  ['holdfast/http', '*'],
  ['holdfast/saga', 'saga, createSagaRunner'],
];

const path = join(root, 'test/package/sizes.json');

/** The committed ceilings. */
export function readSizes(): Sizes {
  return JSON.parse(readFileSync(path, 'utf8')) as Sizes;
}

/** Measures every row there should be, on the package installed in `folder`. */
export async function measureSizes(folder: string): Promise<Sizes> {
  const sizes: Record<string, Record<string, number>> = {};
  for (const [importPath, names] of rows(folder)) {
    const { brotli } = await bundle(`export ${names === '*' ? '*' : `{ ${names} }`} from '${importPath}';`, folder);
    (sizes[importPath] ??= {})[names] = brotli;
  }
  return sizes;
}

/** Measures and writes ceilings 2 % above; returns the rows that changed. */
export async function updateSizes(): Promise<string[]> {
  const before = readSizes();
  const sizes: Record<string, Record<string, number>> = {};
  const changed: string[] = [];
  for (const [importPath, row] of Object.entries(await measureSizes(installPacked()))) {
    for (const [names, bytes] of Object.entries(row)) {
      const old = before[importPath]?.[names] ?? 0;
      // A ceiling that still fits within 4 % stays, so that small changes leave the file and the README alone.
      const isFitting = bytes <= old && old <= bytes * 1.04;
      const ceiling = isFitting ? old : Math.ceil(bytes * 1.02);
      (sizes[importPath] ??= {})[names] = ceiling;
      if (ceiling !== old) changed.push(`${importPath} ${names}: ${old} -> ${ceiling} (measured ${bytes})`);
    }
  }
  writeFileSync(path, `${JSON.stringify(sizes, null, 2)}\n`);
  return changed;
}

function rows(folder: string): (readonly [string, string])[] {
  return Object.keys(entryPoints).flatMap((name) => {
    const importPath = name === 'index' ? 'holdfast' : `holdfast/${name}`;
    const combined = together.filter(([from]) => from === importPath);
    return [
      ...combined,
      ...(name === 'index' ? [] : functionsOf(importPath, folder).map((fn) => [importPath, fn] as const)),
    ];
  });
}

/** Factories and helpers; error classes come with what throws them. */
function functionsOf(importPath: string, folder: string): string[] {
  const script = `import('${importPath}').then((all) => console.log(JSON.stringify(
    Object.keys(all).filter((name) => typeof all[name] === 'function' && !(all[name].prototype instanceof Error)).sort())))`;
  return JSON.parse(runOrThrow(process.execPath, ['-e', script], folder)) as string[];
}
