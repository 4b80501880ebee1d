import { afterEach, expect, it, vi } from 'vitest';
import { systemRandom } from '../../src/core/random.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it('systemRandom looks Math.random up at each call', () => {
  const chance = vi.spyOn(Math, 'random').mockReturnValueOnce(0.25).mockReturnValueOnce(0.75);
  expect([systemRandom(), systemRandom()]).toEqual([0.25, 0.75]);
  chance.mockRestore();
  expect(systemRandom()).not.toBe(systemRandom());
});
