import fc from 'fast-check';

const MEGABYTE_KEY = 'k'.repeat(2 ** 20);

/** Keys that break careless code, and ordinary ones. */
export const hostileKeys: readonly string[] = [
  '',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  ' ',
  '\0',
  '\r\n',
  '0',
  '-0',
  '{tag}key',
  '{}',
  '%s:*?[a]',
  '\ud800',
  'a\udc00b',
  // One letter in two ways: equal to the eye, different keys.
  '\u00e9',
  'e\u0301',
  MEGABYTE_KEY,
];

/** Any string a caller may use as a key, one of {@link hostileKeys} every other time. */
export function anyKey(): fc.Arbitrary<string> {
  return fc.oneof(fc.constantFrom(...hostileKeys), fc.string({ unit: 'binary' }), fc.string());
}

/** Anything JavaScript can throw: errors, hostile objects, and every other value. */
export function anyThrown(): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.string().map((message) => new Error(message)),
    fc.constantFrom(undefined, null, false, 0, Number.NaN, '', 0n),
    fc.constant(null).map(() => Symbol('thrown')),
    fc.constant(null).map(() => Object.freeze(new TypeError('frozen'))),
    fc.constant(null).map(unreadableError),
    fc.constant(null).map(() => Object.create(null) as unknown),
    fc.constant(null).map(() => () => {}),
    fc.anything(),
  );
}

function unreadableError(): unknown {
  const refuse = (): never => {
    throw new Error('this property cannot be read');
  };
  const property = { get: refuse, enumerable: true };
  return Object.defineProperties({}, { name: property, message: property, code: property, [fc.toStringMethod]: shown });
}

const shown = { value: () => 'an object whose name, message and code throw when read' };

/** A settled promise's state, as a caller of {@link Operation.run} should see it. */
export type Settled =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected'; readonly reason: unknown };

export type OperationKind =
  | 'sync value'
  | 'async value'
  | 'thenable value'
  | 'sync throw'
  | 'async reject'
  | 'thenable reject';

/** A caller's function in one of the ways callers write them. */
export interface Operation {
  readonly kind: OperationKind;
  readonly outcome: Settled;
  run(): unknown;
}

/** A value that `await` hands through unchanged. */
export function anyValue(): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.constantFrom(undefined, null, false, 0, Number.NaN, ''),
    fc.integer(),
    fc.string(),
    fc.array(fc.integer(), { maxLength: 3 }),
    fc.constant(null).map(() => new Error('a value, not a failure')),
  );
}

/** One {@link Operation} of a kind. */
export function operationOf(kind: OperationKind, value: unknown): Operation {
  const isValue = kind.endsWith('value');
  const outcome: Settled = isValue ? { status: 'fulfilled', value } : { status: 'rejected', reason: value };
  return { kind, outcome, run: () => runs[kind](value) };
}

const runs: Readonly<Record<OperationKind, (value: unknown) => unknown>> = {
  'sync value': (value) => value,
  'async value': (value) => Promise.resolve(value),
  'thenable value': (value) => thenable((resolve) => resolve(value)),
  'sync throw': (value) => {
    throw value;
  },
  'async reject': (value) => Promise.reject(value),
  'thenable reject': (value) => thenable((_, reject) => reject(value)),
};

type Then = (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void;

/** The least that can be awaited: no promise, and its `then` returns nothing. */
function thenable(then: Then): object {
  // oxlint-disable-next-line unicorn/no-thenable -- being one is its purpose
  return { then };
}

/** Every kind of {@link Operation}, with any value or any reason. */
export function anyOperation(): fc.Arbitrary<Operation> {
  const kinds = Object.keys(runs) as OperationKind[];
  return fc
    .constantFrom(...kinds)
    .chain((kind) => (kind.endsWith('value') ? anyValue() : anyThrown()).map((value) => operationOf(kind, value)));
}

/** How far a clock moves forward: nothing, fractions, seconds, months, and around the longest timer. */
export function timeStepMs(): fc.Arbitrary<number> {
  return fc.oneof(
    { arbitrary: fc.nat({ max: 50 }), weight: 4 },
    { arbitrary: fc.nat({ max: 100_000 }), weight: 2 },
    { arbitrary: fc.double({ min: 0, max: 10, noNaN: true }), weight: 1 },
    { arbitrary: fc.constantFrom(0, 0.1, 1, 86_400_000, 2 ** 31 - 2, 2 ** 31 - 1, 2 ** 31, 2 ** 33), weight: 1 },
  );
}

/** How far a clock jumps when somebody sets it: {@link timeStepMs}, either way. */
export function clockJumpMs(): fc.Arbitrary<number> {
  return fc.tuple(timeStepMs(), fc.boolean()).map(([ms, isBack]) => (isBack ? -ms : ms));
}

export interface NumberRule {
  readonly min?: number;
  readonly max?: number;
  readonly isInteger?: boolean;
  /** Whether Infinity is a fair value. */
  readonly isUnbounded?: boolean;
}

const CANDIDATES: readonly unknown[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  0,
  1.5,
  '1',
  '',
  null,
  {},
  [1],
  true,
  1n,
  Symbol('one'),
];

/**
 * Rows `[as text, value]` for `it.each`: values that an option with this rule must refuse, those
 * just outside its bounds included.
 */
export function badNumbers(rule: NumberRule): readonly (readonly [string, unknown])[] {
  const { min, max } = rule;
  const beyond = [...(min === undefined ? [] : [min - 1]), ...(max === undefined ? [] : [max + 1])];
  const bad = [...new Set([...CANDIDATES, ...beyond])].filter((value) => !isAllowed(value, rule));
  return bad.map((value) => [shownValue(value), value]);
}

function isAllowed(value: unknown, { min, max, isInteger = false, isUnbounded = false }: NumberRule): boolean {
  if (typeof value !== 'number' || Number.isNaN(value)) return false;
  if (value < (min ?? Number.NEGATIVE_INFINITY) || value > (max ?? Number.POSITIVE_INFINITY)) return false;
  if (!Number.isFinite(value)) return isUnbounded;
  return !isInteger || Number.isInteger(value);
}

function shownValue(value: unknown): string {
  return `${typeof value} ${fc.stringify(value)}`;
}

/** Rows `[as text, value]` for `it.each`: values that an option which takes a function must refuse. */
export const badFunctions: readonly (readonly [string, unknown])[] = [null, {}, 1, 'name', true, []].map((value) => [
  shownValue(value),
  value,
]);
