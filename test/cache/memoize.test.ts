import { describe, expect, it } from 'vitest';
import { memoize } from '../../src/cache/index.ts';

describe('memoize', () => {
  it('runs the function once for calls of the same key, now and while the result is kept', async () => {
    let runs = 0;
    const area = memoize(async (width: number, height: number) => (runs++, width * height), {
      key: (width, height) => `${width}x${height}`,
      maxEntries: 9,
    });
    expect(await Promise.all([area(3, 4), area(3, 4), area(4, 3)])).toEqual([12, 12, 12]);
    expect([await area(3, 4), runs]).toEqual([12, 2]);
    area.cache.delete('3x4');
    expect([await area(3, 4), runs, area.cache.size]).toEqual([12, 3, 2]);
  });

  it('rejects with what the function of the key throws', async () => {
    const key = (name: string): string => {
      throw new Error(`no key for ${name}`);
    };
    const run = memoize((name: string) => name, { key, maxEntries: 9 });
    await expect(run('a')).rejects.toThrow('no key for a');
  });

  it('does not keep failures', async () => {
    let runs = 0;
    const flaky = memoize(
      (name: string) => {
        if (runs++ === 0) throw new Error('down');
        return name;
      },
      { key: (name) => name, maxEntries: 9 },
    );
    await expect(flaky('a')).rejects.toThrow('down');
    expect(await flaky('a')).toBe('a');
  });
});
