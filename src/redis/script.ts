import type { Deadline } from '../core/deadline.ts';
import { withDeadline } from '../core/deadline.ts';
import type { RedisSend } from './client.ts';
import { sha1 } from './sha1.ts';

/** A Lua script. Write it as a constant object; its text is asked for, and its hash filled in, at the first use. */
export interface RedisScript {
  /** Its text, in ASCII. A function, as a text put together is not shaken off when nobody uses it. */
  readonly lua: () => string;
  sha?: string;
}

/** How one call to Redis is bounded. */
export type RedisCallOptions = Deadline;

/**
 * Sends one command. Rejects with what the client rejects with, with code ERR_STORE_TIMEOUT after
 * `timeoutMs`, and with `signal.reason` on abort; in the last two cases, once sent, the command may still
 * be carried out.
 */
export function callRedis(
  send: RedisSend,
  command: readonly string[],
  key: string,
  options: RedisCallOptions,
): Promise<unknown> {
  return withDeadline('Redis', options, () => send(command, key));
}

/**
 * Runs a script on keys of one hash slot: by its hash, and in full where the server does not know it yet.
 * One round trip then, two on the first call. Rejects as {@link callRedis} does, both sends within one
 * `timeoutMs`. A client may resend what got no reply, so a script must stay right when it runs twice.
 */
export function runScript(
  send: RedisSend,
  script: RedisScript,
  keys: readonly [string, ...string[]],
  args: readonly string[],
  options: RedisCallOptions,
): Promise<unknown> {
  const [key] = keys;
  const command = ['EVALSHA', (script.sha ??= sha1(script.lua())), String(keys.length), ...keys, ...args];
  return withDeadline('Redis', options, (isOver) =>
    send(command, key).then(undefined, (error: unknown) => {
      // Nobody waits any more for what would be sent now.
      if (isOver() || !isUnknownScript(error)) throw error;
      return send(['EVAL', script.lua(), ...command.slice(2)], key);
    }),
  );
}

/** ioredis and node-redis pass the server's own words on; GLIDE has words of its own. */
function isUnknownScript(error: unknown): boolean {
  return /NOSCRIPT|NoScriptError/.test(String((error as Error | undefined)?.message));
}
