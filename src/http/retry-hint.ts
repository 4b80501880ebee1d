import { parseRetryAfter } from '../policy/retry-after.ts';

const PARAMETER = /;[ \t]*([a-z*][\w.*-]*)=(-?\d+)(?=[ \t]*(?:[;,]|$))/g;

/** The wait of the RateLimit field: the longest `t` of those policies of which nothing is left. Malformed, it says nothing. */
function exhaustedForMs(field: string): number | undefined {
  let waitMs: number | undefined;
  // Strings and byte sequences may hold anything that looks like a parameter.
  const bare = field.replace(/"(?:[^"\\]|\\.)*"|:[\w+/=]*:/g, '_');
  for (const item of bare.split(',')) {
    const parameters = new Map([...item.matchAll(PARAMETER)].map(([, name, value]) => [name, Number(value)]));
    const seconds = parameters.get('t');
    if (parameters.get('r') === 0 && seconds !== undefined && seconds >= 0) {
      waitMs = Math.max(waitMs ?? 0, seconds * 1_000);
    }
  }
  return waitMs;
}

/**
 * How long an answer asks to be left alone, if it does: by `Retry-After`, which goes before, or by a `RateLimit`
 * field (draft-ietf-httpapi-ratelimit-headers-11, section 7) that leaves nothing.
 */
export function retryHintMs(headers: Headers, nowEpochMs: number): number | undefined {
  const rateLimit = headers.get('ratelimit');
  return (
    parseRetryAfter(headers.get('retry-after'), nowEpochMs) ??
    (rateLimit === null ? undefined : exhaustedForMs(rateLimit))
  );
}
