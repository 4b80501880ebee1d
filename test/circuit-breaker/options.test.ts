import { describe, expect, it } from 'vitest';
import {
  consecutiveFailures,
  countWindow,
  createBreakerRegistry,
  createCircuitBreaker,
  timeWindow,
} from '../../src/circuit-breaker/index.ts';
import type { BreakerSnapshot, CircuitBreakerOptions } from '../../src/circuit-breaker/index.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';
import type { NumberRule } from '../support/arbitraries.ts';
import { setup } from './kit.ts';

type Make = (value: unknown) => unknown;

const breaker = (options: object): unknown =>
  createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 1, ...options } as CircuitBreakerOptions);
const halfOpen =
  (name: string): Make =>
  (value) =>
    breaker({ halfOpen: { [name]: value } });
const count =
  (name: string): Make =>
  (value) =>
    countWindow({ size: 10, failureThreshold: 1, slowCallDurationMs: 1, [name]: value });
const time =
  (name: string): Make =>
  (value) =>
    timeWindow({ durationMs: 10, failureThreshold: 1, slowCallDurationMs: 1, [name]: value });

const whole: NumberRule = { min: 1, isInteger: true };
const span: NumberRule = { min: 1, isUnbounded: true };

const numbers: readonly (readonly [string, string, string, NumberRule, Make])[] = [
  [
    'createCircuitBreaker',
    'openDurationMs',
    'a number of at least 1',
    span,
    (value) => breaker({ openDurationMs: value }),
  ],
  [
    'createCircuitBreaker',
    'maxOpenHintMs',
    'a number of at least 0',
    { min: 0, isUnbounded: true },
    (value) => breaker({ maxOpenHintMs: value }),
  ],
  ['createCircuitBreaker', 'halfOpen.maxConcurrent', 'an integer of at least 1', whole, halfOpen('maxConcurrent')],
  [
    'createCircuitBreaker',
    'halfOpen.successThreshold',
    'an integer of at least 1',
    whole,
    halfOpen('successThreshold'),
  ],
  [
    'createCircuitBreaker',
    'halfOpen.failureThreshold',
    'an integer of at least 1',
    whole,
    halfOpen('failureThreshold'),
  ],
  ['createCircuitBreaker', 'halfOpen.trialTimeoutMs', 'a number of at least 1', span, halfOpen('trialTimeoutMs')],
  [
    'createCircuitBreaker',
    'rampUp.durationMs',
    'a number of at least 1',
    span,
    (durationMs) => breaker({ rampUp: { durationMs } }),
  ],
  ['consecutiveFailures', 'n', 'an integer of at least 1', whole, (value) => consecutiveFailures(value as number)],
  ['countWindow', 'size', 'an integer of at least 1 and at most 1073741824', { ...whole, max: 2 ** 30 }, count('size')],
  [
    'countWindow',
    'minimumThroughput',
    'an integer of at least 1 and at most 10',
    { ...whole, max: 10 },
    count('minimumThroughput'),
  ],
  [
    'countWindow',
    'failureThreshold',
    'an integer of at least 1 and at most 10',
    { ...whole, max: 10 },
    count('failureThreshold'),
  ],
  ['countWindow', 'slowCallDurationMs', 'a number of at least 1', span, count('slowCallDurationMs')],
  ['timeWindow', 'durationMs', 'a number of at least 1', { min: 1 }, time('durationMs')],
  ['timeWindow', 'buckets', 'an integer of at least 1 and at most 10000', { ...whole, max: 10_000 }, time('buckets')],
  ['timeWindow', 'minimumThroughput', 'an integer of at least 1', whole, time('minimumThroughput')],
  ['timeWindow', 'failureThreshold', 'an integer of at least 1', whole, time('failureThreshold')],
  ['timeWindow', 'slowCallDurationMs', 'a number of at least 1', span, time('slowCallDurationMs')],
  ['createBreakerRegistry', 'maxKeys', 'an integer of at least 1', whole, (value) => registry({ maxKeys: value })],
];

const shares: readonly (readonly [string, Make])[] = [
  ['failureRateThreshold', count('failureRateThreshold')],
  ['slowCallRateThreshold', count('slowCallRateThreshold')],
  ['failureRateThreshold', time('failureRateThreshold')],
  ['slowCallRateThreshold', time('slowCallRateThreshold')],
  ['rampUp.initialRatio', (initialRatio) => breaker({ rampUp: { durationMs: 1, initialRatio } })],
];

function registry(options: object): unknown {
  return createBreakerRegistry({
    create: () => ({ trip: consecutiveFailures(1), openDurationMs: 1 }),
    ...options,
  });
}

/** What `make` throws for each value names the option, the rule and the value. */
function expectRefused(name: string, rule: string, make: Make, bad: readonly (readonly [string, unknown])[]): void {
  expect(bad.length).toBeGreaterThan(0);
  for (const [shown, value] of bad) {
    const thrown = errorOf(() => make(value));
    expect([shown, (thrown as Error)?.message]).toEqual([shown, `${name} must be ${rule}, got ${got(value)}`]);
    const isText = typeof value === 'number' || typeof value === 'string';
    expect([shown, thrown instanceof (isText ? RangeError : TypeError)]).toEqual([shown, true]);
  }
}

function errorOf(make: () => unknown): unknown {
  try {
    make();
  } catch (error) {
    return error;
  }
  return undefined;
}

function got(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return Object(value) === value ? typeof value : String(value);
}

describe('numbers', () => {
  for (const [factory, name, rule, numberRule, make] of numbers) {
    it(`of ${factory} have a bound: ${name} is ${rule}`, () => {
      expectRefused(name, rule, make, badNumbers(numberRule));
      const { min = 0, max, isUnbounded } = numberRule;
      for (const value of [min, ...(max ? [max] : []), ...(isUnbounded ? [Infinity] : [])]) make(value);
    });
  }

  it('are refused where they are shares and not above 0 and at most 1', () => {
    for (const [name, make] of shares) {
      const bad = badNumbers({ min: 0, max: 1 }).concat([
        ['zero', 0],
        ['fifty', 50],
        ['just above', 1.000001],
      ]);
      expectRefused(name, 'a share above 0 and at most 1', make, bad);
      for (const value of [Number.MIN_VALUE, 0.5, 1]) make(value);
    }
  });

  it('that an undefined stands for take their default', () => {
    breaker({
      name: undefined,
      halfOpen: { maxConcurrent: undefined, successThreshold: undefined, trialTimeoutMs: undefined },
      rampUp: undefined,
      isIgnored: undefined,
      maxOpenHintMs: undefined,
      snapshot: undefined,
      clock: undefined,
    });
    countWindow({ size: 3, failureThreshold: 1, minimumThroughput: undefined } as never);
    registry({ maxKeys: undefined, onOverflow: undefined });
  });
});

describe('other kinds', () => {
  const callbacks = ['isFailure', 'isIgnored', 'isFailureResult', 'openHintMs', 'onEvent'];

  it('refuse what is no function', () => {
    for (const name of callbacks) {
      expectRefused(name, 'a function', (value) => breaker({ [name]: value }), badFunctions);
    }
    expectRefused('create', 'a function', (create) => registry({ create }), [...badFunctions, ['none', undefined]]);
    expectRefused('onOverflow', 'a function', (onOverflow) => registry({ onOverflow }), badFunctions);
  });

  it('refuse a name that is no text, a group of options that is no object, and a flag that is none', () => {
    const values = [null, 0, 1, 'text', true, Symbol('s'), () => {}, 1n].map((value) => [typeof value, value] as const);
    const but = (kind: string): typeof values => values.filter(([type]) => type !== kind);
    expectRefused('name', 'a string', (name) => breaker({ name }), [...but('string'), ['object', {}]]);
    for (const group of ['halfOpen', 'rampUp', 'snapshot', 'clock']) {
      expectRefused(group, 'an object', (value) => breaker({ [group]: value }), values);
    }
    expectRefused('captureStack', 'a boolean', (value) => breaker({ captureStack: value }), but('boolean'));
    breaker({ name: 'text', captureStack: true, halfOpen: {} });
  });

  it('refuse to guess whether slow calls in flight count', () => {
    const rule = { slowCallRateThreshold: 1, slowCallDurationMs: 1 };
    const bad = [null, 0, 1, 'yes', {}].map((value) => [typeof value, value] as const);
    expectRefused('countInFlightSlowCalls', 'a boolean', (flag) => count('countInFlightSlowCalls')(flag), bad);
    expectRefused('countInFlightSlowCalls', 'a boolean', (flag) => time('countInFlightSlowCalls')(flag), bad);
    for (const countInFlightSlowCalls of [true, false]) countWindow({ size: 1, ...rule, countInFlightSlowCalls });
  });

  it('refuse rules that are none', () => {
    const bad = [undefined, null, [], [null], [consecutiveFailures(1), undefined], {}, 1, 'x'];
    const rows = bad.map((value, k) => [`${k}`, value] as const);
    expectRefused('trip', 'a trip rule or a list of them', (trip) => breaker({ trip }), rows);
    breaker({ trip: [consecutiveFailures(1)] });
  });
});

describe('options that go together', () => {
  it('need a threshold in a window', () => {
    const message = /^failureRateThreshold, failureThreshold or slowCallRateThreshold must be given, got undefined$/;
    expect(() => countWindow({ size: 10 })).toThrow(message);
    expect(() => timeWindow({ durationMs: 10, slowCallDurationMs: 5 })).toThrow(message);
    for (const one of [
      { failureRateThreshold: 1 },
      { failureThreshold: 1 },
      { slowCallRateThreshold: 1, slowCallDurationMs: 1 },
    ]) {
      countWindow({ size: 10, ...one });
      timeWindow({ durationMs: 10, ...one });
    }
  });

  it('need to know which calls are slow where slow calls open the circuit', () => {
    expect(() => countWindow({ size: 10, slowCallRateThreshold: 1 })).toThrow(
      /^slowCallDurationMs must be given with slowCallRateThreshold, got undefined$/,
    );
    expect(() => timeWindow({ durationMs: 10, failureThreshold: 1, countInFlightSlowCalls: true })).toThrow(TypeError);
    expect(() =>
      timeWindow({ durationMs: 10, failureThreshold: 1, slowCallDurationMs: 1, countInFlightSlowCalls: true }),
    ).toThrow(/^slowCallRateThreshold must be given with countInFlightSlowCalls, got undefined$/);
  });

  it('refuse more failures or calls than a count window holds', () => {
    expect(() => countWindow({ size: 5, failureRateThreshold: 1, minimumThroughput: 6 })).toThrow(
      'minimumThroughput must be an integer of at least 1 and at most 5, got 6',
    );
    expect(() => countWindow({ size: 5, failureThreshold: 6 })).toThrow(
      'failureThreshold must be an integer of at least 1 and at most 5, got 6',
    );
    countWindow({ size: 5, failureThreshold: 5, failureRateThreshold: 1, minimumThroughput: 5 });
    timeWindow({ durationMs: 1, failureThreshold: 1_000_000, minimumThroughput: 1_000_000 });
  });
});

describe('snapshot', () => {
  const good = setup().circuit.snapshot();
  const spoilt: readonly (readonly [string, unknown])[] = [
    ['another version', { ...good, version: 2 }],
    ['no version', { ...good, version: undefined }],
    ['nothing', {}],
    ['a list', []],
    ['too many rules', { ...good, rules: [[0, 0], [0]] }],
    ['no rules', { ...good, rules: undefined }],
    ['a rule that is none', { ...good, rules: ['x'] }],
    ['a word in a rule', { ...good, rules: [['x']] }],
    ['a negative count', { ...good, rules: [[0, -1]] }],
    ['NaN', { ...good, openForMs: Number.NaN }],
    ['a word for a time', { ...good, openDurationMs: 'soon' }],
    ['no openings', { ...good, openings: undefined }],
    ['negative openings', { ...good, openings: -1 }],
    ['no trials', { ...good, trials: undefined }],
    ['too few trials', { ...good, trials: [0] }],
    ['a negative ramp', { ...good, rampUp: [-1, 0] }],
    ['no ramp', { ...good, rampUp: undefined }],
    ['an unknown mode', { ...good, mode: 'on' }],
    ['an unknown state', { ...good, state: 'ajar' }],
    ['a state of another mode', { ...good, state: 'forced-open' }],
    ['a mode as a state', { ...good, mode: 'open' }],
  ];

  it('is refused when it is spoilt', () => {
    expectRefused(
      'snapshot',
      'one of version 1 with as many rules as trip',
      (snapshot) => breaker({ snapshot: snapshot as BreakerSnapshot }),
      spoilt,
    );
    breaker({ snapshot: good });
  });
});
