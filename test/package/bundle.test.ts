import { describe, expect, inject, it } from 'vitest';
import { root } from '../../.ci/build.ts';
import { entryPoints } from '../../.ci/entry-points.ts';
import { evaluate, importPaths } from './consumer.ts';
import { bundle, contributors } from './measure.ts';

const consumer = inject('consumer');
const primitivePaths = importPaths.filter((path) => path !== 'holdfast' && path !== 'holdfast/testing');

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

describe('bleed', () => {
  const primitives = Object.keys(entryPoints).filter((name) => name !== 'index');

  it.each(primitives)('puts no code of another primitive into the bundle of %s', async (name) => {
    const all = await bundle(`import * as all from './src/${name}/index.ts'; console.log(all);`, root);
    const strangers = contributors(all).filter(
      (file) => file.startsWith('src/') && !file.startsWith(`src/${name}/`) && !file.startsWith('src/core/'),
    );
    expect(strangers).toEqual([]);
    expect(contributors(all).some((file) => file.startsWith(`src/${name}/`))).toBe(true);
  });

  it.each([
    ['consecutiveFailures', 'holdfast/circuit-breaker', 'window'],
    ['retry', 'holdfast/policy', 'hedge'],
    ['timeout', 'holdfast/policy', 'bulkhead'],
    ['fallback', 'holdfast/policy', 'retry'],
    ['createBulkhead', 'holdfast/policy', 'hedge'],
  ])('keeps what only others use out of the bundle of %s', async (name, path, foreign) => {
    const folder = path.slice('holdfast/'.length);
    const alone = await bundle(`import { ${name} } from './src/${folder}/index.ts'; console.log(${name});`, root);
    expect(contributors(alone).filter((file) => file.includes(`/${foreign}`))).toEqual([]);
  });
});
