import { integer, refuse } from '../core/check.ts';

/** What every factory of a policy takes. */
export interface RateLimitPolicyOptions {
  /** Units per window: a whole number of at least 1. */
  readonly limit: number;
  /**
   * Tells policies apart: in decisions, headers and stored keys.
   *
   * @defaultValue limit and window, as in `10/1000ms`
   */
  readonly name?: string | undefined;
}

/** Checks the limit, window and name that every policy has. `windowName` is the option the window came by. */
export function checkRule(
  options: RateLimitPolicyOptions,
  windowMs: number,
  windowName: string,
): { name: string; limit: number; windowMs: number } {
  const limit = integer('limit', options.limit, 1);
  integer(windowName, windowMs, 1);
  const { name = `${limit}/${windowMs}ms` } = options;
  return { name: typeof name === 'string' ? name : refuse('name', 'text', name), limit, windowMs };
}
