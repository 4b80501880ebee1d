/*
 * Checks of options: each returns the value it was given, or throws naming the option, the rule
 * and the value. Nothing is clamped. A number out of its bounds is a RangeError, a value of the
 * wrong kind a TypeError.
 */

/** Throws: `name` must be `rule`, got `value`. */
export function refuse(name: string, rule: string, value: unknown): never {
  const got = typeof value === 'string' ? JSON.stringify(value) : typeof value === 'number' ? value : typeof value;
  const message = `${name} must be ${rule}, got ${got}`;
  throw typeof value === 'number' || typeof value === 'string' ? new RangeError(message) : new TypeError(message);
}

/** A whole number from `min` to `max`. */
export function integer(name: string, value: number, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const top = max < Number.MAX_SAFE_INTEGER ? ` and at most ${max}` : '';
  return refuse(name, `an integer of at least ${min}${top}`, value);
}

/** A number from `min` to `max`; Infinity only where `max` is. */
export function amount(name: string, value: number, min: number, max: number = Infinity): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  const top = max < Infinity ? ` and at most ${max}` : '';
  return refuse(name, `a number of at least ${min}${top}`, value);
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

/** One of a few words. */
export function oneOf<W extends string>(name: string, value: W, words: readonly W[]): W {
  return words.includes(value) ? value : refuse(name, `one of ${words.join(', ')}`, value);
}
