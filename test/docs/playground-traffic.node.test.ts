import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { launch, marks, open, set, sum } from './browser.ts';

const path = inject('chromium');

describe.skipIf(!path)('panels of calls over time', { timeout: 60_000 }, () => {
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
