import { describe, expect, it } from 'vitest';
import {
  chaos,
  constantBackoff,
  createBulkhead,
  createRetryBudget,
  createTokenThrottle,
  exponentialBackoff,
  fallback,
  hedge,
  retry,
  timeout,
} from '../../src/policy/index.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';
import type { NumberRule } from '../support/arbitraries.ts';

interface NumberOption {
  readonly make: (value: never) => unknown;
  /** How the message calls the option. */
  readonly name: string;
  readonly says: string;
  readonly rule: NumberRule;
  readonly good: readonly number[];
}

const MOST = Number.MAX_SAFE_INTEGER;
const rate = {
  rule: { min: 0, max: 1, isInteger: false },
  good: [Number.MIN_VALUE, 0.5, 1],
  says: 'a share above 0 and at most 1',
};

const numbers: Readonly<Record<string, NumberOption>> = {
  'retry maxAttempts': {
    make: (maxAttempts) => retry({ maxAttempts }),
    name: 'maxAttempts',
    says: 'an integer of at least 1',
    rule: { min: 1, isInteger: true, isUnbounded: true },
    good: [1, 2, MOST, Infinity],
  },
  'retry maxRetryAfterMs': {
    make: (maxRetryAfterMs) => retry({ maxRetryAfterMs }),
    name: 'maxRetryAfterMs',
    says: 'a number of at least 0',
    rule: { min: 0, isUnbounded: true },
    good: [0, 1.5, Infinity],
  },
  'timeout ms': {
    make: (ms) => timeout({ ms }),
    name: 'ms',
    says: 'a number of at least 1',
    rule: { min: 1, isUnbounded: true },
    good: [1, 1.5, 2 ** 40, Infinity],
  },
  'bulkhead maxConcurrent': {
    make: (maxConcurrent) => createBulkhead({ maxConcurrent }),
    name: 'maxConcurrent',
    says: 'an integer of at least 1',
    rule: { min: 1, max: MOST, isInteger: true },
    good: [1, MOST],
  },
  'bulkhead maxQueue': {
    make: (maxQueue) => createBulkhead({ maxConcurrent: 1, maxQueue }),
    name: 'maxQueue',
    says: 'an integer of at least 0',
    rule: { min: 0, isInteger: true, isUnbounded: true },
    good: [0, 1, MOST, Infinity],
  },
  'bulkhead queueTimeoutMs': {
    make: (queueTimeoutMs) => createBulkhead({ maxConcurrent: 1, queueTimeoutMs }),
    name: 'queueTimeoutMs',
    says: 'a number of at least 0',
    rule: { min: 0, isUnbounded: true },
    good: [0, 0.5, Infinity],
  },
  'hedge delayMs': {
    make: (delayMs) => hedge({ delayMs }),
    name: 'delayMs',
    says: 'a number of at least 0',
    rule: { min: 0, isUnbounded: true },
    good: [0, 1.5, Infinity],
  },
  'hedge maxHedges': {
    make: (maxHedges) => hedge({ delayMs: 1, maxHedges }),
    name: 'maxHedges',
    says: 'an integer of at least 1 and at most 1000',
    rule: { min: 1, max: 1000, isInteger: true },
    good: [1, 1000],
  },
  'retry budget ttlMs': {
    make: (ttlMs) => createRetryBudget({ ttlMs }),
    name: 'ttlMs',
    says: 'a number of at least 1',
    rule: { min: 1, max: MOST },
    good: [1, 1.5, MOST],
  },
  'retry budget minRetriesPerSecond': {
    make: (minRetriesPerSecond) => createRetryBudget({ minRetriesPerSecond }),
    name: 'minRetriesPerSecond',
    says: 'a number of at least 0',
    rule: { min: 0, max: MOST },
    good: [0, 0.1, MOST],
  },
  'retry budget ratio': {
    make: (ratio) => createRetryBudget({ ratio }),
    name: 'ratio',
    says: 'a number of at least 0 and at most 1000',
    rule: { min: 0, max: 1000 },
    good: [0, 0.2, 1000],
  },
  'token throttle maxTokens': {
    make: (maxTokens) => createTokenThrottle({ maxTokens }),
    name: 'maxTokens',
    says: 'an integer of at least 1 and at most 1000',
    rule: { min: 1, max: 1000, isInteger: true },
    good: [1, 1000],
  },
  'token throttle tokenRatio': {
    make: (tokenRatio) => createTokenThrottle({ tokenRatio }),
    name: 'tokenRatio',
    says: 'a number of at least 0.001 and at most 1000',
    rule: { min: 0.001, max: 1000 },
    good: [0.001, 0.1, 1000],
  },
  'backoff baseMs': {
    make: (baseMs) => exponentialBackoff({ baseMs, maxMs: MOST }),
    name: 'baseMs',
    says: 'a number of at least 1',
    rule: { min: 1, max: MOST },
    good: [1, 1.5, MOST],
  },
  'backoff factor': {
    make: (factor) => exponentialBackoff({ factor }),
    name: 'factor',
    says: 'a number of at least 1',
    rule: { min: 1, max: MOST },
    good: [1, 1.5, MOST],
  },
  'backoff maxMs': {
    make: (maxMs) => exponentialBackoff({ baseMs: 70, maxMs }),
    name: 'maxMs',
    says: 'a number of at least 70',
    rule: { min: 70, max: MOST },
    good: [70, 70.5, MOST],
  },
  'constant backoff ms': {
    make: (ms) => constantBackoff(ms),
    name: 'ms',
    says: 'a number of at least 0',
    rule: { min: 0, max: MOST },
    good: [0, 0.5, MOST],
  },
  'chaos latency.ms': {
    make: (ms) => chaos({ latency: { rate: 1, ms } }),
    name: 'latency.ms',
    says: 'a number of at least 0',
    rule: { min: 0, isUnbounded: true },
    good: [0, 0.5, Infinity],
  },
  'chaos latency.rate': { make: (value) => chaos({ latency: { rate: value, ms: 1 } }), name: 'latency.rate', ...rate },
  'chaos fault.rate': { make: (value) => chaos({ fault: { rate: value } }), name: 'fault.rate', ...rate },
  'chaos result.rate': {
    make: (value) => chaos({ result: { rate: value, value: () => 1 } }),
    name: 'result.rate',
    ...rate,
  },
};

/** What a message says it got; objects in whatever words. */
function got(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? '' : String(value);
}

describe.each(Object.entries(numbers))('%s', (_, { make, name, says, rule, good }) => {
  const isShare = says.startsWith('a share');
  const bad = [...badNumbers(rule), ...(isShare ? [['number 0', 0] as const] : [])];

  it.each(bad)('refuses %s', (_text, value) => {
    const Refusal = typeof value === 'number' || typeof value === 'string' ? RangeError : TypeError;
    expect(() => make(value as never)).toThrow(Refusal);
    expect(() => make(value as never)).toThrow(`${name} must be ${says}, got ${got(value)}`);
  });

  it.each(good)('takes %d', (value) => {
    expect(() => make(value as never)).not.toThrow();
  });

  it('takes undefined for its default, where it has one', () => {
    const isRequired = ['timeout ms', 'bulkhead maxConcurrent', 'hedge delayMs', 'constant backoff ms'].includes(_);
    if (isRequired || _.startsWith('chaos')) expect(() => make(undefined as never)).toThrow(`${name} must be`);
    else expect(() => make(undefined as never)).not.toThrow();
  });
});

const functions: readonly (readonly [string, string, (value: never) => unknown])[] = [
  ['retry backoff', 'backoff', (backoff) => retry({ backoff })],
  ['retry isRetryable', 'isRetryable', (isRetryable) => retry({ isRetryable })],
  ['retry retryAfterMs', 'retryAfterMs', (retryAfterMs) => retry({ retryAfterMs })],
  ['retry onEvent', 'onEvent', (onEvent) => retry({ onEvent })],
  ['timeout onEvent', 'onEvent', (onEvent) => timeout({ ms: 1, onEvent })],
  ['bulkhead onEvent', 'onEvent', (onEvent) => createBulkhead({ maxConcurrent: 1, onEvent })],
  ['hedge isFatal', 'isFatal', (isFatal) => hedge({ delayMs: 1, isFatal })],
  ['hedge onEvent', 'onEvent', (onEvent) => hedge({ delayMs: 1, onEvent })],
  ['fallback when', 'when', (when) => fallback(() => 1, { when })],
  ['fallback onEvent', 'onEvent', (onEvent) => fallback(() => 1, { onEvent })],
  ['chaos fault.error', 'fault.error', (error) => chaos({ fault: { rate: 1, error } })],
  ['chaos onEvent', 'onEvent', (onEvent) => chaos({ onEvent })],
];

describe.each(functions)('%s', (_, name, make) => {
  it.each(badFunctions)('refuses %s', (_text, value) => {
    expect(() => make(value as never)).toThrow(`${name} must be a function, got `);
  });

  it('takes undefined', () => {
    expect(() => make(undefined as never)).not.toThrow();
  });
});

describe.each([
  ['fallback handler', 'handler', (handler: never) => fallback(handler)],
  ['chaos result.value', 'result.value', (value: never) => chaos({ result: { rate: 1, value } })],
] as const)('%s', (_, name, make) => {
  it.each([...badFunctions, ['undefined', undefined] as const])('refuses %s', (_text, value) => {
    expect(() => make(value as never)).toThrow(`${name} must be a function, got `);
  });
});

describe.each([
  [
    'timeout strategy',
    'strategy must be one of cooperative, aggressive, got ',
    (strategy: never) => timeout({ ms: 1, strategy }),
  ],
  [
    'backoff jitter',
    'jitter must be one of none, full, equal, decorrelated, got ',
    (jitter: never) => exponentialBackoff({ jitter }),
  ],
  ['chaos enabled', 'enabled must be true or false, got ', (enabled: never) => chaos({ enabled })],
  ['retry budget', 'budget must be a retry budget, got ', (budget: never) => retry({ budget })],
  ['hedge budget', 'budget must be a retry budget, got ', (budget: never) => hedge({ delayMs: 1, budget })],
] as const)('%s', (_, message, make) => {
  it.each([
    ['a number', 1],
    ['text', 'Full'],
    ['null', null],
    ['an object', {}],
  ])('refuses %s', (_text, value) => {
    expect(() => make(value as never)).toThrow(message);
  });

  it('takes undefined', () => {
    expect(() => make(undefined as never)).not.toThrow();
  });
});

it('an option out of its bounds is refused at construction, by name', () => {
  expect(() => createBulkhead({ maxConcurrent: -1 })).toThrow(
    new RangeError('maxConcurrent must be an integer of at least 1, got -1'),
  );
  expect(() => timeout({ ms: Number.NaN })).toThrow(new RangeError('ms must be a number of at least 1, got NaN'));
  expect(() => hedge({ delayMs: 1, maxHedges: '1' as never })).toThrow(
    new RangeError('maxHedges must be an integer of at least 1 and at most 1000, got "1"'),
  );
  expect(() => retry({ maxAttempts: null as never })).toThrow(
    new TypeError('maxAttempts must be an integer of at least 1, got null'),
  );
  expect(() => chaos({ fault: { rate: 50 } })).toThrow(
    new RangeError('fault.rate must be a share above 0 and at most 1, got 50'),
  );
});

it('an undefined option means its default', () => {
  expect(() => retry(undefined)).not.toThrow();
  expect(() => fallback(() => 1, undefined)).not.toThrow();
  expect(() => createRetryBudget(undefined)).not.toThrow();
  expect(() => createTokenThrottle(undefined)).not.toThrow();
  expect(() => exponentialBackoff(undefined)).not.toThrow();
});

it('construction reads no clock and draws no chance', () => {
  const refuse = (): never => {
    throw new Error('touched at construction');
  };
  const clock = { now: refuse, epochMs: refuse, setTimeout: refuse, clearTimeout: refuse };
  expect(() => [
    retry({ clock, backoff: exponentialBackoff({ random: refuse }), budget: createRetryBudget({ clock }) }),
    timeout({ ms: 1, clock }),
    createBulkhead({ maxConcurrent: 1, clock }),
    hedge({ delayMs: 1, clock }),
    chaos({ fault: { rate: 1 }, enabled: true, clock, random: refuse }),
  ]).not.toThrow();
});
