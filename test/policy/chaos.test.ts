import { describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../src/index.ts';
import type { ChaosEvent } from '../../src/policy/index.ts';
import { chaos, isRejection, retry, pipeline } from '../../src/policy/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { collectReports, sleep } from './kit.ts';

const everything = {
  latency: { rate: 1, ms: 100 },
  fault: { rate: 1 },
  result: { rate: 1, value: () => 'result' },
} as const;

describe('isEnabled', () => {
  it('chaos does nothing until it is enabled', async () => {
    const clock = createVirtualClock();
    const harm = chaos({
      ...everything,
      clock,
      random: () => {
        throw 'drawn';
      },
    });
    expect([harm.isEnabled, await harm.run(() => 'value'), clock.pendingTimers]).toEqual([false, 'value', 0]);
    const enabled = chaos({ fault: { rate: 1 }, enabled: true });
    expect(enabled.isEnabled).toBe(true);
    await expect(enabled.run(() => 'value')).rejects.toThrow('fault injected by chaos');
  });

  it('switches at run time, for the calls that start afterwards', async () => {
    const clock = createVirtualClock();
    const harm = chaos({ latency: { rate: 1, ms: 100 }, fault: { rate: 1 }, enabled: true, clock });
    const waiting = harm.runOutcome(() => 'value');
    harm.isEnabled = false;
    expect(await harm.run(() => 'value')).toBe('value');
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(100);
    expect(await waiting).toMatchObject({ ok: false });
    harm.isEnabled = true;
    await expect(
      chaosFault(
        harm.run(() => 'value'),
        () => clock.advance(100),
      ),
    ).resolves.toBe(true);
  });
});

async function chaosFault(call: Promise<unknown>, act: () => Promise<void>): Promise<boolean> {
  const error = call.catch((caught: unknown) => caught);
  await act();
  return isHoldfastError(await error, 'ERR_CHAOS_FAULT');
}

describe('fault', () => {
  it('fails the call in place of the operation, with an error that says whose it is', async () => {
    let calls = 0;
    const error: unknown = await chaos({ fault: { rate: 1 }, enabled: true })
      .run(() => ++calls)
      .catch((caught: unknown) => caught);
    expect(isHoldfastError(error, 'ERR_CHAOS_FAULT')).toBe(true);
    expect([(error as Error).message, isRejection(error), calls]).toEqual(['fault injected by chaos', false, 0]);
  });

  it('throws what error makes, anew for each call', async () => {
    let made = 0;
    const harm = chaos({ fault: { rate: 1, error: () => ++made }, enabled: true });
    await expect(harm.run(() => 'value')).rejects.toBe(1);
    await expect(harm.run(() => 'value')).rejects.toBe(2);
    await expect(
      chaos({ fault: { rate: 1, error: () => undefined }, enabled: true }).run(() => 1),
    ).rejects.toBeUndefined();
  });

  it('is retried like a failure of the dependency', async () => {
    let draws = 0;
    const harm = chaos({ fault: { rate: 0.5 }, enabled: true, random: () => (draws++ < 2 ? 0 : 0.9) });
    expect(await pipeline(retry({ backoff: () => 0 }), harm).run(({ attempt }) => attempt)).toBe(3);
  });
});

describe('latency', () => {
  it('delays the call before anything else', async () => {
    const clock = createVirtualClock();
    let startMs = -1;
    const call = chaos({ latency: { rate: 1, ms: 100 }, enabled: true, clock }).run(() => {
      startMs = clock.now();
    });
    expect(startMs).toBe(-1);
    await clock.advance(100);
    await call;
    expect([startMs, clock.pendingTimers]).toEqual([100, 0]);
  });

  it('asks a function for the delay of each call', async () => {
    const clock = createVirtualClock();
    let asked = 0;
    const harm = chaos({ latency: { rate: 1, ms: () => 10 * ++asked }, enabled: true, clock });
    const ends = [1, 2, 3].map(() => harm.run(() => clock.now()));
    await clock.advance(100);
    expect(await Promise.all(ends)).toEqual([10, 20, 30]);
  });

  it('is none when that function throws, which is reported', async () => {
    const reports = collectReports();
    const clock = createVirtualClock();
    const call = chaos({
      latency: {
        rate: 1,
        ms: () => {
          throw 'broken';
        },
      },
      enabled: true,
      clock,
    }).run(() => clock.now());
    await clock.advance(0);
    expect([await call, reports]).toEqual([0, ['broken']]);
  });

  it('ends with an abort, and nothing starts', async () => {
    const clock = createVirtualClock();
    const caller = new AbortController();
    let calls = 0;
    const call = chaos({ latency: { rate: 1, ms: 100 }, enabled: true, clock }).run(() => ++calls, {
      signal: caller.signal,
    });
    await clock.advance(50);
    caller.abort('enough');
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: 'enough' });
    await clock.advance(100);
    expect([calls, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('does not start for a call that is aborted by the listener', async () => {
    const clock = createVirtualClock();
    const caller = new AbortController();
    const harm = chaos({ ...everything, enabled: true, clock, onEvent: () => caller.abort('from the event') });
    await expect(harm.run(() => 'value', { signal: caller.signal })).rejects.toBe('from the event');
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('result', () => {
  it('answers in place of the operation, with a value or a promise', async () => {
    let calls = 0;
    const answering = (value: () => unknown): Promise<unknown> =>
      chaos({ result: { rate: 1, value }, enabled: true }).run(() => ++calls);
    expect(await answering(() => 'sync')).toBe('sync');
    expect(await answering(async () => 'async')).toBe('async');
    await expect(
      answering(() => {
        throw 'thrown';
      }),
    ).rejects.toBe('thrown');
    expect(calls).toBe(0);
  });
});

describe('abort', () => {
  it('by the listener asks for no result', async () => {
    const caller = new AbortController();
    let asked = 0;
    const harm = chaos({
      result: { rate: 1, value: () => ++asked },
      enabled: true,
      onEvent: () => caller.abort('from the event'),
    });
    await expect(harm.run(() => 'value', { signal: caller.signal })).rejects.toBe('from the event');
    expect(asked).toBe(0);
  });
});

describe('chance', () => {
  it('is drawn for latency, fault and result one by one, below the rate', async () => {
    const draws: number[] = [];
    const events: ChaosEvent['type'][] = [];
    const clock = createVirtualClock();
    const harm = chaos({
      latency: { rate: 0.3, ms: 0 },
      fault: { rate: 0.2 },
      result: { rate: 0.1, value: () => 'result' },
      enabled: true,
      clock,
      random: () => draws.shift() ?? Number.NaN,
      onEvent: ({ type }) => events.push(type),
    });
    const table: readonly (readonly [number[], ChaosEvent['type'][]])[] = [
      [[0.3, 0.2, 0.1], []],
      [[0.299, 0.2, 0.1], ['latency']],
      [[0.3, 0.199], ['fault']],
      [
        [0.299, 0.199],
        ['latency', 'fault'],
      ],
      [[0.3, 0.2, 0.099], ['result']],
      [
        [0, 0.9, 0],
        ['latency', 'result'],
      ],
    ];
    for (const [next, expected] of table) {
      draws.push(...next);
      const outcome = harm.runOutcome(() => 'value');
      await clock.advance(0);
      await outcome;
      expect([events.splice(0), draws]).toEqual([expected, []]);
    }
  });

  it('chaos with the same seed hits the same calls', async () => {
    const hits = async (seed: number): Promise<string> => {
      const harm = chaos({ fault: { rate: 0.3 }, enabled: true, random: createSeededRandom(seed) });
      const outcomes = await Promise.all(Array.from({ length: 200 }, () => harm.runOutcome(() => 1)));
      return outcomes.map(({ ok }) => (ok ? '.' : 'x')).join('');
    };
    expect(await hits(7)).toBe(await hits(7));
    expect(await hits(7)).not.toBe(await hits(8));
    const share = (await hits(7)).replaceAll('.', '').length / 200;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.4);
  });

  it('comes from Math.random by default', async () => {
    const harm = chaos({ fault: { rate: 0.5 }, enabled: true });
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => harm.runOutcome(() => 1)));
    const failures = outcomes.filter(({ ok }) => !ok).length;
    expect(failures).toBeGreaterThan(50);
    expect(failures).toBeLessThan(150);
  });

  it('that throws injects nothing and is reported', async () => {
    const reports = collectReports();
    const clock = createVirtualClock();
    const harm = chaos({
      ...everything,
      enabled: true,
      clock,
      random: () => {
        throw 'no chance';
      },
    });
    expect(await harm.run(() => 'value')).toBe('value');
    expect(reports).toEqual(['no chance', 'no chance', 'no chance']);
  });
});

describe('onEvent', () => {
  it('that throws changes nothing', async () => {
    const reports = collectReports();
    const harm = chaos({
      result: { rate: 1, value: () => 'result' },
      enabled: true,
      onEvent: ({ type }) => {
        throw type;
      },
    });
    expect([await harm.run(() => sleep(createVirtualClock(), 1)), reports]).toEqual(['result', ['result']]);
  });
});
