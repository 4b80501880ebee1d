import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { filesUnder, root } from '../../.ci/build.ts';
import { entryPoints } from '../../.ci/entry-points.ts';
import { versions } from '../matrix/versions.ts';
import { evaluate, importPaths, packageFolder, readPackageFile, run, writeProject } from './consumer.ts';

type Conditions = Readonly<Record<string, { readonly types: string; readonly default: string }>>;

const manifest = JSON.parse(readPackageFile('package.json')) as {
  readonly exports: Readonly<Record<string, Conditions>>;
  readonly dependencies?: object;
};

describe('exports map', () => {
  it('has every entry point and nothing else', () => {
    const expected = Object.keys(entryPoints).map((name) => (name === 'index' ? '.' : `./${name}`));
    expect(Object.keys(manifest.exports)).toEqual([...expected, './package.json']);
  });

  it.each(Object.keys(entryPoints))(
    'gives %s one ES module for every condition but require, and types beside each',
    (name) => {
      const conditions = manifest.exports[name === 'index' ? '.' : `./${name}`]!;
      const esm = { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` };
      const cjs = { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` };
      expect(Object.entries(conditions)).toEqual([
        ['bun', esm],
        ['module-sync', esm],
        ['import', esm],
        ['require', cjs],
      ]);
      for (const { types, default: code } of Object.values(conditions)) {
        expect(existsSync(join(packageFolder(), types))).toBe(true);
        expect(existsSync(join(packageFolder(), code))).toBe(true);
      }
    },
  );

  it('depends on nothing', () => {
    expect(manifest.dependencies).toBeUndefined();
  });
});

describe('tarball', () => {
  it('holds the build, the papers and no source or test', () => {
    const files = filesUnder(packageFolder().slice(root.length + 1)).map((file) => file.split('/holdfast/')[1]!);
    const strangers = files.filter(
      (file) => !/^(dist\/[\w.-]+\.(c?js|d\.c?ts)(\.map)?|[A-Z]+\.md|LICENSE|package\.json)$/.test(file),
    );
    expect(strangers).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md']));
    expect(files.filter((file) => /test|bench/.test(file) && !file.startsWith('dist/testing.'))).toEqual([]);
  });

  it('has maps that name no place of the machine it was built on', () => {
    const maps = readdirSync(join(packageFolder(), 'dist')).filter((file) => file.endsWith('.map'));
    expect(maps.length).toBeGreaterThan(50);
    const places = maps.flatMap((name) => {
      const { file, sources } = JSON.parse(readPackageFile(`dist/${name}`)) as { file: string; sources: string[] };
      return [file, ...sources];
    });
    expect(places.filter((place) => isAbsolute(place))).toEqual([]);
  });
});

describe('loading', () => {
  it.each(importPaths)('imports and requires %s with the same names, all defined', (path) => {
    const imported = evaluate<Record<string, string>>(
      'load',
      'import.mjs',
      `const all = await import('${path}'); console.log(JSON.stringify(Object.fromEntries(Object.keys(all).sort().map((k) => [k, typeof all[k]]))))`,
    );
    const required = evaluate<Record<string, string>>(
      'load',
      'require.cjs',
      `const all = require('${path}'); console.log(JSON.stringify(Object.fromEntries(Object.keys(all).filter((k) => k !== '__esModule' && k !== 'module.exports').sort().map((k) => [k, typeof all[k]]))))`,
    );
    expect(Object.keys(imported).length).toBeGreaterThan(0);
    expect(Object.values(imported)).not.toContain('undefined');
    expect(required).toEqual(imported);
  });

  it.each(importPaths.slice(1))('has every name of %s in the root, unless it is an adapter or for tests', (path) => {
    const missing = evaluate<string[]>(
      'load',
      'names.mjs',
      `const root = await import('holdfast'); const sub = await import('${path}');
       console.log(JSON.stringify(Object.keys(sub).filter((name) => root[name] !== sub[name])))`,
    );
    const isApart = /\/(testing|redis|postgres|sqlite|http|otel|diagnostics)$/.test(path);
    if (isApart) expect(missing.length).toBeGreaterThan(0);
    else expect(missing).toEqual([]);
  });
});

/** A consumer that uses what its types must be right for; the last line must not compile. */
const consumer = `
import { createCircuitBreaker, consecutiveFailures, isHoldfastError, type Clock, type Policy } from 'holdfast';
import { timeWindow, type CircuitState } from 'holdfast/circuit-breaker';
import { createBulkhead, fallback, pipeline, retry, timeout } from 'holdfast/policy';
import { createVirtualClock } from 'holdfast/testing';

const clock: Clock = createVirtualClock();
const circuit = createCircuitBreaker({ trip: [consecutiveFailures(5), timeWindow({ durationMs: 1_000, failureRateThreshold: 0.5 })], openDurationMs: 10, clock });
const state: CircuitState = circuit.state;
const calls: Policy<null> = pipeline(fallback(() => null), retry(), circuit, createBulkhead({ maxConcurrent: 1 }), timeout({ ms: 10, clock }));
const answer: Promise<string | null> = calls.run(({ signal }) => (signal.aborted ? state : 'text'));
answer.catch((error: unknown) => isHoldfastError(error) && error.code === 'ERR_TIMEOUT');
// @ts-expect-error: the fallback's null is part of the result
const wrong: Promise<string> = calls.run(() => 'text');
void wrong;
`;

const options = {
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  target: 'es2022',
  lib: ['es2022', 'dom'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: [],
};

describe.each(versions.typescript)('types on TypeScript %s', (version) => {
  const compiler = inject('compilers')[version];
  it.skipIf(compiler === undefined).each([
    ['an ES module', 'consumer.mts'],
    ['CommonJS', 'consumer.cts'],
  ])('hold for a strict consumer in %s without skipLibCheck', (_, file) => {
    const everything = importPaths.map((path, k) => `import * as all${k} from '${path}';\nvoid all${k};\n`).join('');
    const folder = writeProject(`types-${version}-${file}`, {
      [file]: everything + consumer,
      'tsconfig.json': JSON.stringify({ compilerOptions: options, files: [file] }),
    });
    expect(run(process.execPath, [compiler!, '-p', 'tsconfig.json'], folder)).toEqual({ status: 0, output: '' });
  });
});
