import { parseRetryAfter } from '../policy/retry-after.ts';

/** What may hold anything that looks like something else: strings and byte sequences of RFC 9651. */
const OPAQUE = /"(?:[ !#-[\]-~]|\\["\\])*"|:[A-Za-z\d+/=]*:/g;

/** An item of a List with its parameters; `{`, which means nothing in a List, stands for something opaque. */
const ITEM =
  /^[ \t]*(?:\{|-?\d{1,12}\.\d{1,3}|-?\d{1,15}|[A-Za-z*][\w!#$%&'*+.^`|~:/-]*)((?:; *[a-z*][a-z\d_.*-]*(?:=(?:\{|\?[01]|-?\d{1,12}\.\d{1,3}|-?\d{1,15}|[A-Za-z*][\w!#$%&'*+.^`|~:/-]*))?)*)[ \t]*$/;

/** The wait of the RateLimit field: the longest `t` of those policies of which nothing is left. Malformed, it says nothing. */
function exhaustedForMs(field: string): number | undefined {
  let waitMs: number | undefined;
  for (const item of field.replace(OPAQUE, '{').split(',')) {
    const parameters = ITEM.exec(item)?.[1];
    if (parameters === undefined) return undefined;
    // The last one counts where a parameter is repeated, so the first of them in reverse.
    const reversed = parameters.split(/; */).reverse();
    const valueOf = (name: RegExp): string => reversed.find((parameter) => name.test(parameter))?.slice(2) ?? '';
    const seconds = valueOf(/^t(?:=|$)/);
    if (!/^0+$/.test(valueOf(/^r(?:=|$)/)) || !/^\d+$/.test(seconds)) continue;
    waitMs = Math.max(waitMs ?? 0, Number(seconds) * 1_000);
  }
  return waitMs;
}

/**
 * How long an answer asks to be left alone, if it does: by `Retry-After`, which goes before, or by a `RateLimit`
 * field (draft-ietf-httpapi-ratelimit-headers-11, section 7) that leaves nothing.
 */
export function retryHintMs(headers: Headers, nowEpochMs: number): number | undefined {
  const asked = parseRetryAfter(headers.get('retry-after'), nowEpochMs);
  return asked ?? exhaustedForMs(headers.get('ratelimit') ?? '');
}
