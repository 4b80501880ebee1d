import { integer, refuse } from '../core/check.ts';

/** A whole number as a program writes it: no sign, no leading zeros, no blanks. */
function ordinal(name: string, text: string | undefined, max: number): number {
  integer('max', max, 0);
  const isNumber = typeof text === 'string' && /^(0|[1-9]\d*)$/.test(text);
  return isNumber && Number(text) <= max
    ? Number(text)
    : refuse(name, `an integer of at least 0 and at most ${max}`, text);
}

/**
 * The worker id that the environment gives this process. Throws where it is absent, no whole number, or
 * above `max`: a wrong worker id makes equal ids, so nothing is guessed.
 *
 * @example
 * ```ts
 * import { createSnowflake, workerIdFromEnv } from 'holdfast/snowflake';
 *
 * const env = { WORKER_ID: '12' }; // process.env
 * const ids = createSnowflake({ worker: workerIdFromEnv('WORKER_ID', 1023, env) });
 * console.log(ids.workerId); // 12
 * ```
 *
 * @throws RangeError or TypeError
 */
export function workerIdFromEnv(name: string, max: number, env: Readonly<Record<string, string | undefined>>): number {
  return ordinal(name, env[name], max);
}

/**
 * The worker id of a pod of a StatefulSet: the number at the end of the first label of its host name.
 *
 * @example
 * ```ts
 * import { workerIdFromHostname } from 'holdfast/snowflake';
 *
 * console.log(workerIdFromHostname('api-7.api.default.svc', 1023)); // 7
 * ```
 *
 * @throws RangeError or TypeError where the name has no such number, or one above `max`.
 */
export function workerIdFromHostname(hostname: string, max: number): number {
  const label = typeof hostname === 'string' ? /^[^.]*-(\d+)(?:\.|$)/.exec(hostname)?.[1] : undefined;
  if (label === undefined) refuse('hostname', 'a name that ends in -number, as api-7', hostname);
  return ordinal(`the number of hostname ${hostname}`, label, max);
}
