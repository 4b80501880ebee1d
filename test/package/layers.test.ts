import { describe, expect, it } from 'vitest';
import { entryPoints } from '../../.ci/entry-points.ts';
import { importsOf, parse, parseText, readsOf, typescriptFiles } from './source.ts';

const files = typescriptFiles('src');

/** Allowed arrows between primitives; a new one wants a decision record (docs/decisions). */
const arrows: readonly string[] = ['cache -> singleflight'];

/** Adapters: they may import the primitive they serve, and nobody imports them. */
const adapters: readonly string[] = ['redis', 'postgres', 'sqlite', 'http', 'otel', 'diagnostics', 'testing'];

/** Where a primitive may read time, timers and chance: nowhere but here. */
const owners: Readonly<Record<string, readonly string[]>> = {
  'src/core/clock.ts': ['Date', 'performance', 'setTimeout', 'clearTimeout', 'globalThis'],
  'src/core/random.ts': ['Math'],
  'src/core/errors.ts': ['globalThis', 'console'],
  // The one place that asks the runtime for a module, when there is an event.
  'src/diagnostics/channel.ts': ['globalThis'],
};

const forbidden: readonly string[] = (
  'process Buffer require module __dirname __filename global window self document navigator ' +
  'Date performance setTimeout clearTimeout setInterval clearInterval setImmediate ' +
  'crypto fetch globalThis console EventEmitter'
).split(' ');

const layerOf = (path: string): string => path.split('/')[1]!;

describe('imports', () => {
  it.each(files)('of %s stay inside the library and run downwards', (path) => {
    const from = layerOf(path);
    for (const imported of importsOf(parse(path))) {
      expect(imported, 'nothing from a package or from node:').toMatch(/^src\/.*\.ts$/);
      expect(files, 'an existing file').toContain(imported);
      const to = layerOf(imported);
      if (from === to || from === 'index.ts') continue;
      expect(adapters, 'nobody imports an adapter').not.toContain(to);
      expect(from, 'the core imports nothing of the other layers').not.toBe('core');
      if (to === 'core') continue;
      if (!adapters.includes(from)) expect(arrows).toContain(`${from} -> ${to}`);
    }
  });

  it('have a folder for every entry point and an entry point for every folder', () => {
    const folders = new Set(files.map(layerOf).filter((layer) => layer !== 'core' && layer !== 'index.ts'));
    expect([...folders].sort()).toEqual(
      Object.keys(entryPoints)
        .filter((name) => name !== 'index')
        .sort(),
    );
  });
});

describe('globals', () => {
  it.each(files)('that only some runtimes have, or that are not the same in a test, are not read by %s', (path) => {
    const allowed = owners[path] ?? [];
    const names = new Set(forbidden.filter((name) => !allowed.includes(name)));
    const file = parse(path);
    const reads = readsOf(file, names).filter(({ name, line }) => name !== 'Date' || isClockRead(file.text, line));
    expect(reads).toEqual([]);
  });

  it.each(files.filter((path) => path !== 'src/core/random.ts'))('give no chance to %s', (path) => {
    expect(parse(path).text).not.toMatch(/Math\s*\.\s*random\s*[(]/);
  });

  it('are found where they are read and not where something is only called so', () => {
    const text = `
      process.exit(); clock.setTimeout(fn, 1); const { performance: p } = own; f(setTimeout);
      interface Clock { setTimeout(): void } const o = { process: 1, Buffer };
      type T = ReturnType<typeof setTimeout>;`;
    const names = readsOf(parseText('x.ts', text), new Set(forbidden)).map(({ name }) => name);
    expect(names).toEqual(['process', 'setTimeout', 'Buffer']);
  });
});

/** `Date.parse` and `Date.UTC` are arithmetic; `Date.now()` and `new Date()` read the clock. */
function isClockRead(text: string, line: number): boolean {
  return /Date\s*\.\s*now|new Date\s*(\(\s*\)|[^(\s])/.test(text.split('\n')[line - 1]!);
}

describe('size of files', () => {
  // But for the list of what there is, which has no logic.
  it.each(files.filter((path) => path !== 'src/index.ts'))('keeps %s at 400 lines at most', (path) => {
    expect(parse(path).text.split('\n').length).toBeLessThanOrEqual(401);
  });
});
