import { basename } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { root } from '../../.ci/build.ts';
import { entryPoints } from '../../.ci/entry-points.ts';
import { evaluate, importPaths } from './consumer.ts';
import { bundle, contributors, distrustingBundle } from './measure.ts';

const consumer = inject('consumer');
const adapters: readonly string[] = ['redis', 'postgres', 'sqlite', 'http', 'otel', 'diagnostics'];
const apart = ['holdfast', ...['testing', ...adapters].map((name) => `holdfast/${name}`)];
const primitivePaths = importPaths.filter((path) => !apart.includes(path));

function namesOf(path: string): string[] {
  return evaluate('bundle', 'names.mjs', `console.log(JSON.stringify(Object.keys(await import('${path}'))))`);
}

describe.each(importPaths)('a bundle with %s', (path) => {
  it('is empty for a bare import', async () => {
    expect((await bundle(`import '${path}';`, consumer)).code).toBe('');
  });

  it('is empty for each name that is imported and not used', async () => {
    const heavy: string[] = [];
    for (const name of namesOf(path)) {
      const { code } = await bundle(`import { ${name} } from '${path}';`, consumer);
      if (code !== '') heavy.push(name);
    }
    expect(heavy).toEqual([]);
  });
});

/** The scripts of Redis are put together from parts when they are loaded: texts, and no more. */
describe('a bundle', () => {
  it.each(importPaths.filter((path) => path !== 'holdfast/redis'))(
    'of %s does nothing on loading but name numbers and texts, where "sideEffects: false" is not believed',
    async (path) => {
      const { code } = await distrustingBundle(`import '${path}';`, consumer);
      expect(code.replaceAll(/\b(var|let|const) [\w$]+=([\d*+-]|Number\.[A-Z_]+|`[^`$]*`)+[;,]/g, '').trim()).toBe('');
    },
  );
});

describe('a name', () => {
  it.each(primitivePaths)('of %s is as small through the root', async (path) => {
    const different: string[] = [];
    for (const name of namesOf(path)) {
      const own = await bundle(`import { ${name} } from '${path}'; console.log(${name});`, consumer);
      const rooted = await bundle(`import { ${name} } from 'holdfast'; console.log(${name});`, consumer);
      if (Math.abs(rooted.bytes - own.bytes) > own.bytes * 0.02)
        different.push(`${name}: ${own.bytes}, ${rooted.bytes}`);
    }
    expect(different).toEqual([]);
  });
});

/** Folder and factory to the files of the folder that a bundle with it alone has. */
const neighbours: Readonly<Record<string, string>> = {
  'circuit-breaker consecutiveFailures': 'trip-rule',
  'circuit-breaker countWindow': 'count-window window-rule',
  'circuit-breaker timeWindow': 'time-window window-rule',
  'circuit-breaker createCircuitBreaker':
    'breaker breaker-options chronicle circuit-breaker errors snapshot state-machine',
  'policy chaos': 'chaos',
  'policy createBulkhead': 'bulkhead bulkhead-map errors',
  'policy createRetryBudget': 'retry-budget',
  'policy fallback': 'fallback',
  'policy hedge': 'hedge retry-budget',
  'policy parseRetryAfter': 'retry-after',
  'policy pipeline': 'pipeline',
  'policy retry': 'retry retry-budget',
  'policy timeout': 'errors timeout',
};

/** The arrows between primitives: see layers.test.ts. */
const allowed: Readonly<Record<string, readonly string[]>> = { cache: ['singleflight'] };

describe('bleed', () => {
  const primitives = Object.keys(entryPoints).filter((name) => name !== 'index' && !adapters.includes(name));

  it.each(primitives)('puts no code of another primitive into the bundle of %s', async (name) => {
    const all = await bundle(`import * as all from './src/${name}/index.ts'; console.log(all);`, root);
    const strangers = contributors(all).filter(
      (file) =>
        file.startsWith('src/') &&
        !file.startsWith(`src/${name}/`) &&
        !file.startsWith('src/core/') &&
        !allowed[name]?.some((other) => file.startsWith(`src/${other}/`)),
    );
    expect(strangers).toEqual([]);
    expect(contributors(all).some((file) => file.startsWith(`src/${name}/`))).toBe(true);
  });

  it.each(Object.entries(neighbours))('takes into the bundle of %s only the files it needs', async (name, files) => {
    const [folder, factory] = name.split(' ');
    const alone = await bundle(`import { ${factory} } from './src/${folder}/index.ts'; console.log(${factory});`, root);
    const own = contributors(alone).filter((file) => file.startsWith(`src/${folder}/`));
    expect(own.map((file) => basename(file, '.ts')).sort()).toEqual(files.split(' ').sort());
  });
});
