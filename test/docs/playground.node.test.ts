import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { launch, marks, open, press, set, sum } from './browser.ts';

const path = inject('chromium');

describe.skipIf(!path)('the panels of the playground', { timeout: 60_000 }, () => {
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

  describe('limiter', () => {
    it.each(['burst', 'edge', 'steady', 'random'])(
      'admits no more than is promised in any second: %s',
      async (pattern) => {
        await set(page, 'limiter', 'Pattern', pattern);
        const rows = await marks(page, '#limiter [data-algorithm]');
        expect(rows.map(({ algorithm }) => algorithm)).toEqual([
          'token bucket',
          'leaky bucket',
          'fixed window',
          'sliding window',
          'sliding log',
        ]);
        for (const { admitted, peak, bound } of rows) {
          expect(Number(peak)).toBeGreaterThan(0);
          expect(Number(peak)).toBeLessThanOrEqual(Number(bound));
          expect(Number(admitted)).toBeGreaterThanOrEqual(Number(peak));
        }
        expect(sum(await numbers('#limiter [data-bin]', 'bin'))).toBe(
          sum(rows.map(({ admitted }) => Number(admitted))),
        );
      },
    );

    it('shows that a fixed window lets twice its limit through around an edge, and a log does not', async () => {
      const peaks = Object.fromEntries(
        (await marks(page, '#limiter [data-algorithm]')).map(({ algorithm, peak }) => [algorithm, peak]),
      );
      expect(peaks).toMatchObject({ 'fixed window': '20', 'sliding log': '10' });
    });
  });

  describe('breaker', () => {
    it('has bands without a gap, and lets nothing through while it is open', async () => {
      const bands = (await marks(page, '#breaker [data-state]')).map((data) => ({
        state: data['state'],
        from: Number(data['fromMs']),
        to: Number(data['toMs']),
      }));
      expect(bands[0]).toMatchObject({ state: 'closed', from: 0 });
      expect(bands.at(-1)).toMatchObject({ state: 'closed', to: 40_000 });
      expect(bands.slice(1).map(({ from }) => from)).toEqual(bands.slice(0, -1).map(({ to }) => to));
      const open_ = bands.filter(({ state }) => state === 'open');
      expect(open_.length).toBeGreaterThan(1);
      const calls = await marks(page, '#breaker [data-outcome]');
      const inside = calls.filter(({ atMs }) => open_.some(({ from, to }) => Number(atMs) > from && Number(atMs) < to));
      expect(inside.length).toBeGreaterThan(20);
      expect(new Set(inside.map(({ outcome }) => outcome))).toEqual(new Set(['turned away']));
      expect(calls.filter(({ trial }) => trial === 'true').length).toBeGreaterThanOrEqual(open_.length);
    });

    it('stays closed while nothing fails', async () => {
      await set(page, 'breaker', 'Failures in the outage', 0);
      expect((await marks(page, '#breaker [data-state]')).map(({ state }) => state)).toEqual(['closed']);
      expect(new Set((await marks(page, '#breaker [data-outcome]')).map(({ outcome }) => outcome))).toEqual(
        new Set(['ok']),
      );
    });
  });

  describe('cache', () => {
    it('makes one call of the origin for a crowd', async () => {
      await set(page, 'cache', 'Callers at once', 400);
      expect(await marks(page, '#cache [data-crowd]')).toEqual([{ crowd: '400', crowdLoads: '1' }]);
      const first = (await marks(page, '#cache [data-answer]')).filter(({ atMs }) => atMs === '500');
      expect(first).toHaveLength(400);
      expect(new Set(first.map(({ answer }) => answer))).toEqual(new Set(['waited']));
    });

    it('never loads twice at a time', async () => {
      const loads = await marks(page, '#cache [data-load]');
      expect(loads.length).toBeGreaterThan(3);
      loads
        .slice(1)
        .forEach(({ fromMs }, k) => expect(Number(fromMs)).toBeGreaterThanOrEqual(Number(loads[k]!['toMs'])));
    });

    it('fails nobody in an outage with old values, and many without', async () => {
      const failed = async (): Promise<number> => (await marks(page, '#cache [data-answer="failed"]')).length;
      expect(await failed()).toBe(0);
      await set(page, 'cache', 'Serve old values when loading fails', false);
      expect(await failed()).toBeGreaterThan(10);
    });

    it('makes nobody wait after the first load when it loads ahead', async () => {
      await set(page, 'cache', 'The origin is down from 9 s to 14 s', false);
      await set(page, 'cache', 'Loads ahead after', 60);
      const waited = (await marks(page, '#cache [data-answer="waited"]')).filter(({ atMs }) => Number(atMs) > 500);
      expect(waited).toEqual([]);
      expect(new Set((await marks(page, '#cache [data-load]')).slice(1).map(({ load }) => load))).toEqual(
        new Set(['ahead']),
      );
    });
  });

  describe('cache, early by chance', () => {
    it('loads ahead at times that the seed says, and otherwise when the value has ended', async () => {
      await set(page, 'cache', 'The origin is down from 9 s to 14 s', false);
      expect(new Set((await marks(page, '#cache [data-load]')).map(({ load }) => load))).not.toContain('ahead');
      await set(page, 'cache', 'Or early by chance (XFetch)', 2);
      const loads = await marks(page, '#cache [data-load="ahead"]');
      expect(loads.length).toBeGreaterThan(1);
      const gaps = loads.slice(1).map(({ fromMs }, k) => Number(fromMs) - Number(loads[k]!['toMs']));
      expect(new Set(gaps).size).toBeGreaterThan(1);
      for (const gap of gaps) expect(gap).toBeLessThan(2 * 2500 + 700);
    });
  });

  describe('pool', () => {
    it('lends no connection twice at a time, and no more than its bound', async () => {
      const loans = (await marks(page, '#pool [data-loan]')).map(({ loan, fromMs, toMs }) => ({
        loan: Number(loan),
        from: Number(fromMs),
        to: Number(toMs),
      }));
      expect(loans.length).toBeGreaterThan(50);
      expect(Math.max(...loans.map(({ loan }) => loan))).toBeLessThan(5);
      const most = Math.max(
        ...loans.map((one) => loans.filter(({ from, to }) => from <= one.from && one.from < to).length),
      );
      expect(most).toBeLessThanOrEqual(5);
      for (const one of loans) {
        const same = loans.filter(({ loan, from, to }) => loan === one.loan && from < one.to && one.from < to);
        expect(same).toHaveLength(1);
      }
    });

    it('ends each wait in time, and tries one connection at a time in an outage', async () => {
      const waits = await marks(page, '#pool [data-wait]');
      for (const { fromMs, toMs } of waits) expect(Number(toMs) - Number(fromMs)).toBeLessThanOrEqual(1000);
      expect(waits.some(({ wait }) => wait === 'timeout')).toBe(true);
      const failed = await marks(page, '#pool [data-connect="false"]');
      expect(failed.length).toBeGreaterThan(1);
      expect(failed.length).toBeLessThan(15);
      await set(page, 'pool', 'The server is down from 4 s to 6.5 s', false);
      expect(await marks(page, '#pool [data-connect="false"]')).toEqual([]);
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

  describe('retry', () => {
    it('shows every retry, and that jitter spreads them', async () => {
      const kinds = await marks(page, '#retry [data-jitter]');
      expect(kinds.map(({ jitter }) => jitter)).toEqual(['none', 'full', 'equal', 'decorrelated']);
      for (const { jitter, retries } of kinds) {
        expect(Number(retries)).toBe(400 * 4);
        expect(sum(await numbers(`#retry [data-jitter="${jitter}"] [data-count]`, 'count'))).toBe(400 * 4);
      }
      const peaks = kinds.map(({ peakShare }) => Number(peakShare));
      expect(peaks[0]).toBeCloseTo(1 / 4, 9);
      for (const peak of peaks.slice(1)) expect(peak).toBeLessThan(0.2);
    });
  });
});
