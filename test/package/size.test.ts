import { describe, expect, inject, it } from 'vitest';
import { measureSizes, readSizes } from './sizes.ts';

const ceilings = readSizes();
const measured = await measureSizes(inject('consumer'));

describe('min + brotli size', () => {
  it('has a ceiling for every function, and none for what is gone', () => {
    const names = (sizes: typeof ceilings): string[] =>
      Object.entries(sizes).flatMap(([path, row]) => Object.keys(row).map((name) => `${path} ${name}`));
    expect(names(measured)).toEqual(names(ceilings));
  });

  const rows = Object.entries(ceilings).flatMap(([path, row]) =>
    Object.entries(row).map(([names, ceiling]) => ({ names, path, ceiling })),
  );
  it.each(rows)('of { $names } from $path is at most $ceiling bytes', ({ names, path, ceiling }) => {
    expect(measured[path]?.[names]).toBeGreaterThan(0);
    expect(measured[path]?.[names]).toBeLessThanOrEqual(ceiling);
  });
});
