/*
 * Checks of options: each returns the value it was given, or throws naming the option, the rule
 * and the value. Nothing is clamped. A number or text out of bounds is a RangeError, a value of the
 * wrong kind a TypeError.
 */

/** Throws: `name` must be `rule`, got `value`. */
export function refuse(name: string, rule: string, value: unknown): never {
  const isText = typeof value === 'string';
  const Refusal = isText || typeof value === 'number' ? RangeError : TypeError;
  // Objects by kind only: not every object can be turned into text, and a function's text is its source.
  const got = isText ? JSON.stringify(value) : Object(value) === value ? typeof value : String(value);
  throw new Refusal(`${name} must be ${rule}, got ${got}`);
}

/** The largest whole number that a count may be. */
const MOST = Number.MAX_SAFE_INTEGER;

/** A number from `min` to `max`; Infinity only where `max` is. */
export function amount(
  name: string,
  value: number,
  min: number,
  max: number = Infinity,
  isWhole: boolean = false,
): number {
  const isFit = typeof value === 'number' && value >= min && value <= max;
  if (isFit && !(isWhole && value % 1)) return value;
  const limit = max < MOST ? ` and at most ${max}` : '';
  return refuse(name, `${isWhole ? 'an integer' : 'a number'} of at least ${min}${limit}`, value);
}

/** A whole number from `min` to `max`; Infinity only where `max` is. */
export function integer(name: string, value: number, min: number, max: number = MOST): number {
  return amount(name, value, min, max, true);
}

/** A share above 0 and up to 1. */
export function share(name: string, value: number): number {
  return typeof value === 'number' && value > 0 && value <= 1
    ? value
    : refuse(name, 'a share above 0 and at most 1', value);
}

/** A function, or nothing. */
export function optionalFunction<F>(name: string, value: F): F {
  return value === undefined || typeof value === 'function' ? value : refuse(name, 'a function', value);
}

/** A list of texts. */
export function texts(name: string, value: readonly string[]): readonly string[] {
  const isFit = Array.isArray(value) && value.every((one) => typeof one === 'string');
  return isFit ? value : refuse(name, 'a list of texts', value);
}

/** The error for a signal that is none: the controller of one is given in its place easily. */
export function noSignal(signal: AbortSignal | undefined): TypeError | undefined {
  if (signal === undefined || typeof signal?.addEventListener === 'function') return undefined;
  return new TypeError('signal must be an AbortSignal');
}

/** One of a few words. */
export function oneOf<W extends string>(name: string, value: W, words: readonly W[]): W {
  return words.includes(value) ? value : refuse(name, `one of ${words.join(', ')}`, value);
}

/** Options of which each has been given or has its default. */
export type Filled<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };
