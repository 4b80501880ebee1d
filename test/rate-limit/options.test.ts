import { describe, expect, it } from 'vitest';
import {
  createRateLimiter,
  createRateQueue,
  fixedWindow,
  gcra,
  leakyBucket,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '../../src/rate-limit/index.ts';
import type { RateLimiterOptions, RateLimitPolicy } from '../../src/rate-limit/index.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';
import type { NumberRule } from '../support/arbitraries.ts';

type Make = (value: unknown) => unknown;

const policy = tokenBucket({ limit: 1, periodMs: 1 });
const whole: NumberRule = { min: 1, isInteger: true };
const factories: Readonly<Record<string, (options: never) => RateLimitPolicy>> = {
  fixedWindow,
  slidingWindow,
  slidingLog,
};
const bucket =
  (name: string): Make =>
  (value) =>
    tokenBucket({ limit: 5, periodMs: 10, burst: 8, [name]: value });
const limiter =
  (name: string): Make =>
  (value) =>
    createRateLimiter(policy, { [name]: value } as RateLimiterOptions);

const numbers: readonly (readonly [string, string, NumberRule, Make])[] = [
  ['limit', 'limit must be an integer of at least 1', whole, bucket('limit')],
  ['periodMs', 'periodMs must be an integer of at least 1', whole, bucket('periodMs')],
  ['burst', 'burst must be an integer of at least 1', whole, bucket('burst')],
  ['initial', 'initial must be an integer of at least 0', { min: 0, max: 8, isInteger: true }, bucket('initial')],
  [
    'maxKeys',
    'maxKeys must be an integer of at least 1',
    { min: 1, max: 2 ** 23, isInteger: true },
    limiter('maxKeys'),
  ],
  [
    'maxEntries',
    'maxEntries must be an integer of at least 1',
    whole,
    (value) => slidingLog({ limit: 5, windowMs: 10, maxEntries: value as number }),
  ],
  ...Object.entries(factories).flatMap(([name, make]) =>
    ['limit', 'windowMs'].map(
      (option) =>
        [
          `${option} of ${name}`,
          `${option} must be an integer of at least 1`,
          whole,
          (value: unknown) => make({ limit: 5, windowMs: 10, [option]: value } as never),
        ] as const,
    ),
  ),
];

describe.each(numbers)('%s', (_, message, rule, make) => {
  it.each(badNumbers(rule))('is refused, not repaired: %s', (_shown, value) => {
    expect(() => make(value)).toThrow(message);
    expect(() => make(value)).toThrow(typeof value === 'number' || typeof value === 'string' ? RangeError : TypeError);
  });

  it('may be the least that it can', () => {
    expect(() => make(rule.min)).not.toThrow();
  });
});

describe('other options', () => {
  it.each([1, null, {}, Symbol('name'), true])('refuse a name that is no text: %s', (name) => {
    const options = { limit: 1, windowMs: 1, periodMs: 1, name: name as string };
    for (const make of [tokenBucket, fixedWindow, slidingWindow, slidingLog]) {
      expect(() => make(options)).toThrow('name must be text');
    }
  });

  it.each(['', 'last', 1, null])('refuse an alignment that there is none of: %s', (align) => {
    expect(() => fixedWindow({ limit: 1, windowMs: 1, align: align as 'first' })).toThrow(
      'align must be one of first, epoch',
    );
  });

  it.each(['', 'drop', 1, null])('refuse an overflow that there is none of: %s', (overflow) => {
    expect(() => limiter('overflow')(overflow)).toThrow('overflow must be one of sketch, deny');
  });

  it.each([null, 0, 'false', {}])('refuse a shadow or fair that is neither true nor false: %s', (value) => {
    expect(() => limiter('shadow')(value)).toThrow('shadow must be true or false');
    expect(() => createRateQueue(policy, { fair: value as boolean })).toThrow('fair must be true or false');
  });

  it.each(badFunctions)('refuse an onDecision that is no function: %s', (_, value) => {
    expect(() => limiter('onDecision')(value)).toThrow('onDecision must be a function');
  });

  it('take undefined for what they are by default', () => {
    const { name, limit, windowMs, burst, initial } = tokenBucket({
      limit: 10,
      periodMs: 1000,
      burst: undefined!,
      initial: undefined!,
      name: undefined!,
    });
    expect([name, limit, windowMs, burst, initial]).toEqual(['10/1000ms', 10, 1000, 10, 10]);
    expect(fixedWindow({ limit: 2, windowMs: 3 })).toMatchObject({ name: '2/3ms', align: 'first' });
    expect(slidingLog({ limit: 2, windowMs: 3 }).maxEntries).toBe(2);
    expect(slidingLog({ limit: 2000, windowMs: 3 }).maxEntries).toBe(1000);
    expect(createRateLimiter(policy, { maxKeys: undefined!, clock: undefined! }).tryAcquire()).toBe(true);
  });
});

describe('exactness', () => {
  it('refuses numbers whose state would not stay exact', () => {
    // 7 units a week and a burst of a billion: a unit has 86 400 000 parts, a burst 8.64e16 of them.
    expect(() => tokenBucket({ limit: 7, periodMs: 604_800_000, burst: 1e9 })).toThrow(
      'burst must be an integer of at least 1 and at most 104249991, got 1000000000',
    );
    expect(tokenBucket({ limit: 7, periodMs: 604_800_000, burst: 104_249_991 }).burst).toBe(104_249_991);
    expect(() => slidingWindow({ limit: 2 ** 30, windowMs: 2 ** 23 })).toThrow('limit must be');
    expect(slidingWindow({ limit: 2 ** 30 - 1, windowMs: 2 ** 23 }).limit).toBe(2 ** 30 - 1);
  });
});

describe('policies', () => {
  const made = [
    tokenBucket({ limit: 10, periodMs: 1000, burst: 20, initial: 5, name: 'bucket' }),
    fixedWindow({ limit: 10, windowMs: 1000, align: 'epoch' }),
    slidingWindow({ limit: 10, windowMs: 1000 }),
    slidingLog({ limit: 10, windowMs: 1000, maxEntries: 4 }),
  ];

  it('are plain data, frozen, and can be printed and cloned', () => {
    const [bucketPolicy] = made;
    expect(JSON.parse(JSON.stringify(bucketPolicy))).toEqual({
      kind: 'token-bucket',
      name: 'bucket',
      limit: 10,
      windowMs: 1000,
      burst: 20,
      initial: 5,
    });
    for (const one of made) {
      expect(Object.isFrozen(one)).toBe(true);
      expect(structuredClone(one)).toEqual({ ...one });
    }
  });

  it('have one rule under three names: tokenBucket, gcra and leakyBucket', () => {
    expect([gcra, leakyBucket]).toEqual([tokenBucket, tokenBucket]);
  });

  it.each([[{ ...policy }], [[policy, { ...policy }]], [null], [undefined], [[]], ['policy'], [[undefined]]])(
    'are refused where no factory made them, or there are none: %o',
    (value) => {
      expect(() => createRateLimiter(value as never)).toThrow(/polic/);
    },
  );

  it('are refused where two have one name', () => {
    expect(() => createRateLimiter([policy, slidingLog({ limit: 1, windowMs: 1 })])).toThrow(RangeError);
    expect(createRateLimiter([policy, slidingLog({ limit: 1, windowMs: 1, name: 'log' })]).policies).toHaveLength(2);
  });

  it('of a limiter are those it was given, in order, and cannot be changed', () => {
    const list = [...made];
    const { policies } = createRateLimiter([made[0]!, slidingLog({ limit: 3, windowMs: 4 })]);
    expect(policies.map(({ name }) => name)).toEqual(['bucket', '3/4ms']);
    expect(Object.isFrozen(policies)).toBe(true);
    const { policies: own } = createRateLimiter([list[0]!]);
    list.length = 0;
    expect(own).toEqual([made[0]]);
  });
});

describe('construction', () => {
  it('reads no clock and draws nothing', () => {
    const fail = (): never => {
      throw new Error('asked');
    };
    const clock = { now: fail, epochMs: fail };
    const rules = [fixedWindow({ limit: 1, windowMs: 1, align: 'epoch' }), slidingWindow({ limit: 1, windowMs: 2 })];
    expect(createRateLimiter(rules, { clock, random: fail }).size).toBe(0);
  });
});
