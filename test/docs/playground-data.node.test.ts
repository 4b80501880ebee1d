import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { launch, marks, open, press, set, sum } from './browser.ts';

const path = inject('chromium');

describe.skipIf(!path)('panels of keys, ids and sagas', { timeout: 60_000 }, () => {
  let browser: Browser;
  let page: Page;
  let errors: string[];
  beforeAll(async () => {
    browser = await launch(path!);
  }, 60_000);
  afterAll(async () => browser?.close());
  beforeEach(async () => {
    ({ page, errors } = await open(browser));
  }, 60_000);
  afterEach(async () => {
    expect(errors).toEqual([]);
    await page.context().close();
  });

  const numbers = async (selector: string, name: string): Promise<number[]> =>
    (await marks(page, selector)).map((data) => Number(data[name]));

  describe('ring', () => {
    it.each(['ring', 'rendezvous', 'maglev', 'jump', 'modulo'])('has shares that sum to 1 by %s', async (algorithm) => {
      await set(page, 'ring', 'Algorithm', algorithm);
      expect(sum(await numbers('#ring [data-node]', 'share'))).toBeCloseTo(1, 9);
      expect(sum(await numbers('#ring [data-node]', 'ideal'))).toBeCloseTo(1, 9);
    });

    it('moves close to 1/n of the keys for a new node, and most of them by modulo', async () => {
      await press(page, 'ring', 'Add a node');
      const moves = Object.fromEntries(
        (await marks(page, '#ring [data-algorithm]')).map((data) => [data['algorithm'], data]),
      );
      for (const name of ['ring', 'rendezvous', 'maglev', 'jump']) {
        expect(Number(moves[name]!['least'])).toBeCloseTo(1 / 5, 9);
        expect(Math.abs(Number(moves[name]!['movedShare']) - 1 / 5)).toBeLessThan(0.05);
      }
      expect(Number(moves['modulo']!['movedShare'])).toBeGreaterThan(0.7);
    });

    it('gives a node of weight 3 about three times as much, and takes a node away', async () => {
      await set(page, 'ring', 'Weight of A', 3);
      const [a, b] = await numbers('#ring [data-node]', 'share');
      expect(a! / b!).toBeGreaterThan(2);
      expect(a! / b!).toBeLessThan(4.5);
      await press(page, 'ring', 'Remove A');
      expect((await marks(page, '#ring [data-node]')).map(({ node }) => node)).toEqual(['B', 'C', 'D']);
    });
  });

  describe('bloom', () => {
    it.each(['blocked', 'standard'])('forgets no key, and measures the rate that was asked for: %s', async (layout) => {
      await set(page, 'bloom', 'Layout', layout);
      const [filter] = await marks(page, '#bloom [data-forgotten]');
      expect(filter).toMatchObject({ forgotten: '0', capacity: '5000', asked: '0.01' });
      const samples = await marks(page, '#bloom [data-measured]');
      const full = samples.find(({ added }) => added === '5000')!;
      expect(Number(full['measured'])).toBeGreaterThan(0.003);
      expect(Number(full['measured'])).toBeLessThan(0.016);
      const fills = samples.map(({ fill }) => Number(fill));
      expect(fills).toEqual([...fills].sort((a, b) => a - b));
      expect(Number(samples.at(-1)!['measured'])).toBeGreaterThan(0.03);
    });

    it('answers for a key', async () => {
      await set(page, 'bloom', 'Ask for a key', 'user-4999');
      expect(await page.locator('#bloom .status').textContent()).toContain('probably known');
      await set(page, 'bloom', 'Ask for a key', 'somebody');
      expect(await page.locator('#bloom .status').textContent()).toContain('certainly not known');
    });
  });

  describe('snowflake', () => {
    const isGrowing = (ids: readonly bigint[]): boolean => ids.every((id, k) => k === 0 || id > ids[k - 1]!);
    const ids = async (): Promise<bigint[]> => (await marks(page, '#snowflake [data-id]')).map(({ id }) => BigInt(id!));

    it('goes on growing when the clock is set back', async () => {
      const before = await ids();
      for (const name of ['Clock 50 ms back', 'Next id', 'Clock 50 ms back', '5000 ids'])
        await press(page, 'snowflake', name);
      const after = await ids();
      expect(isGrowing(before) && isGrowing(after)).toBe(true);
      expect(after.at(-1)! > before.at(-1)!).toBe(true);
      const [last] = (await marks(page, '#snowflake [data-id]')).slice(-1);
      expect(Number(last!['timeMs'])).toBeGreaterThan(Number(last!['clockMs']));
    });

    it('has 64 bits that spell the id: 1 of sign, 41 or more of time, and the worker that was set', async () => {
      await set(page, 'snowflake', 'Worker', 777);
      const bits = await marks(page, '#snowflake [data-bit]');
      expect(BigInt(`0b${bits.map(({ bit }) => bit).join('')}`)).toBe((await ids()).at(-1));
      const worker = bits.filter(({ field }) => field === 'worker').map(({ bit }) => bit);
      expect(Number.parseInt(worker.join(''), 2)).toBe(777);
      expect(bits.filter(({ field }) => field === 'sign')).toHaveLength(1);
    });

    it('refuses when it would lead its clock by too much', async () => {
      await press(page, 'snowflake', 'Clock 6 s back');
      const before = await ids();
      await press(page, 'snowflake', 'Next id');
      expect(await ids()).toEqual(before);
      expect(await page.locator('#snowflake .status').textContent()).toContain('Refused');
    });
  });

  describe('saga', () => {
    const acts = async (): Promise<string[]> =>
      (await marks(page, '#saga [data-step]')).map(
        ({ process, kind, step, end }) => `${process} ${kind} ${step} ${end}`,
      );
    const outcome = async (): Promise<Record<string, string>> => (await marks(page, '#saga [data-status]'))[0]!;

    it('completes, and undoes in reverse order what came before a failure', async () => {
      expect(await outcome()).toMatchObject({ status: 'completed', charged: '1' });
      await set(page, 'saga', 'Failure', 'ship');
      expect(await acts()).toEqual([
        'A run reserve done',
        'A run charge done',
        'A run ship failed',
        'A undo charge done',
        'A undo reserve done',
      ]);
      expect(await outcome()).toMatchObject({ status: 'compensated', charged: '0' });
    });

    it('takes money once when the process crashes while it charges', async () => {
      await press(page, 'saga', 'Crash process A');
      expect(await acts()).toEqual([
        'A run reserve done',
        'A run charge cut off',
        'B run charge done',
        'B run ship done',
        'B run notify done',
      ]);
      expect(await outcome()).toMatchObject({ status: 'completed', charged: '1' });
      const [crash, taken] = await marks(page, '#saga [data-moment]');
      // The lease was renewed within the last quarter of it; B looks every 200 ms.
      expect(Number(taken!['atMs']) - Number(crash!['atMs'])).toBeGreaterThanOrEqual(1500 * 0.75 - 50);
      expect(Number(taken!['atMs']) - Number(crash!['atMs'])).toBeLessThanOrEqual(1500 + 250);
    });

    it.each([400, 700, 1300, 1700, 2000, 2300])(
      'ends as if nothing had happened after a crash at %i ms',
      async (atMs) => {
        await set(page, 'saga', 'Crash at', atMs);
        await press(page, 'saga', 'Crash process A');
        expect(await outcome()).toMatchObject({ status: 'completed', charged: '1' });
        await set(page, 'saga', 'Failure', 'ship');
        expect(await outcome()).toMatchObject({ status: 'compensated', charged: '0' });
      },
    );
  });
});
