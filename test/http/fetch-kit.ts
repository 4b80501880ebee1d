import type { FetchLike } from '../../src/http/index.ts';
import type { Policy, RetryEvent } from '../../src/policy/index.ts';
import { retry } from '../../src/policy/index.ts';

export const URL_ = 'https://example.org/';

/** What a server does with a request: answers, fails, or something slower. */
type Answer = Response | Error | ((init: RequestInit) => Promise<Response>);

export interface Server {
  readonly fetch: FetchLike;
  readonly requests: { readonly input: string | URL | Request; readonly init: RequestInit }[];
}

/** A `fetch` that gives these answers in turn, the last one for good. */
export function serverOf(...answers: readonly Answer[]): Server {
  const requests: Server['requests'] = [];
  const fetch: FetchLike = async (input, init = {}) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)]!;
    requests.push({ input, init });
    init.signal?.throwIfAborted();
    if (answer instanceof Error) throw answer;
    return typeof answer === 'function' ? answer(init) : answer;
  };
  return { fetch, requests };
}

/** An answer with a text that names its status. */
export const answer = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(status === 204 ? null : `status ${status}`, { status, headers });

/** Answers nothing until it is given up. */
export const never = (init: RequestInit): Promise<Response> =>
  new Promise((_, reject) => {
    init.signal!.addEventListener('abort', () => reject(init.signal!.reason as Error));
  });

/** A retry without waits. */
export const atOnce = (maxAttempts = 3, onEvent?: (event: RetryEvent) => void): Policy =>
  retry({ maxAttempts, backoff: () => 0, ...(onEvent && { onEvent }) });
