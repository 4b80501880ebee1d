import type { Filled } from '../core/check.ts';
import { optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import { guarded } from '../core/errors.ts';
import type { CallContext, Policy } from '../core/policy.ts';
import { FetchFailedError } from './fetch-failure.ts';
import { retryHintMs } from './retry-hint.ts';

/** `fetch`, or what is called as it is. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Any policy, of this library or not; one that answers on its own, as a fallback does, answers with a `Response`. */
export type FetchPolicy = Pick<Policy<Response>, 'run' | '~adds'>;

/** Options of {@link resilientFetch}. */
export interface ResilientFetchOptions {
  /**
   * Whether an answer is a failure, to be counted by a circuit breaker and repeated by a retry.
   *
   * @defaultValue statuses 408 and 429, and from 500 on
   */
  readonly isFailure?: ((response: Response) => boolean) | undefined;
  /**
   * Whether a request may be sent again. One whose body is a stream, or that is a `Request` with a body, cannot be.
   *
   * @defaultValue those whose method is idempotent: GET, HEAD, OPTIONS, TRACE, PUT and DELETE (RFC 9110, section 9.2.2)
   */
  readonly isRepeatable?: ((method: string, headers: Headers) => boolean) | undefined;
  /**
   * Asked for the Unix time that dates in `Retry-After` are held against.
   *
   * @defaultValue the system's clock
   */
  readonly clock?: Pick<Clock, 'epochMs'> | undefined;
}

const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'];

/** Bodies of failed answers up to this length are read at once, so that their socket is free while a retry waits. */
const SHORT_BODY_BYTES = 16_384;

/** Whether the body of a request is gone once it was sent. */
function isOneShot(request: Request | undefined, body: unknown): boolean {
  if (body === undefined || body === null) return Boolean(request?.body);
  const parts = body as { [Symbol.asyncIterator]?: unknown; getReader?: unknown; pipe?: unknown };
  return Boolean(parts[Symbol.asyncIterator] ?? parts.getReader ?? parts.pipe);
}

/** An attempt that may be given up after its answer came: its connection is not needed any more. */
class Attempt {
  readonly #controller = new AbortController();
  response: Response | undefined;

  /** The policy may end this attempt, and so may the caller, as long as the body is being read. */
  signal(context: CallContext, caller: AbortSignal | null | undefined): AbortSignal {
    return AbortSignal.any([this.#controller.signal, context.signal, ...(caller ? [caller] : [])]);
  }

  /** Reads a short body into memory: the copy is read to its end, which leaves the original with all of it. */
  detach(): void {
    const { headers, body } = this.response!;
    const bytes = Number(headers.get('content-length') ?? Infinity);
    if (!body || !(bytes <= SHORT_BODY_BYTES) || headers.has('content-encoding')) return;
    this.response!.clone().arrayBuffer().catch(ignore);
  }

  discard(): void {
    this.#controller.abort();
    // For a fetch that does not follow signals. Refused while somebody reads.
    this.response?.body?.cancel().catch(ignore);
  }
}

function ignore(): void {}

interface Settings extends Filled<ResilientFetchOptions> {
  readonly fetch: FetchLike;
}

/** One call of the caller's, and the attempts that the policy makes of it. */
class FetchCall {
  readonly #settings: Settings;
  readonly #input: string | URL | Request;
  readonly #init: RequestInit | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #canRepeat: boolean;
  readonly #attempts = new Set<Attempt>();
  /** The first and only attempt of a request that must not be repeated; whoever tries again gets the same. */
  #only: Promise<Response> | undefined;
  #isOver = false;

  constructor(settings: Settings, input: string | URL | Request, init: RequestInit | undefined) {
    const request = typeof input === 'object' && 'method' in input ? input : undefined;
    const method = init?.method ?? request?.method ?? 'GET';
    const headers = new Headers(init?.headers ?? request?.headers);
    this.#settings = settings;
    this.#input = input;
    this.#init = init;
    this.#signal = (init?.signal === undefined ? request?.signal : init.signal) ?? undefined;
    this.#canRepeat =
      !isOneShot(request, init?.body) && guarded(false, settings.isRepeatable, method.toUpperCase(), headers);
  }

  async run(policy: FetchPolicy): Promise<Response> {
    let answer: Response | undefined;
    try {
      answer = await policy.run((context) => this.#attempt(context), { signal: this.#signal });
      return answer;
    } catch (error) {
      if (!(error instanceof FetchFailedError)) throw error;
      answer = error.response;
      if (!answer) throw error.cause;
      return answer;
    } finally {
      this.#isOver = true;
      for (const attempt of this.#attempts) if (!answer || attempt.response !== answer) attempt.discard();
    }
  }

  #attempt(context: CallContext): Promise<Response> {
    if (!this.#canRepeat) return (this.#only ??= this.#send(context));
    // What has failed before this attempt is not going to be the answer.
    for (const attempt of this.#attempts) if (attempt.response) this.#discard(attempt);
    return this.#send(context);
  }

  async #send(context: CallContext): Promise<Response> {
    const { fetch, isFailure } = this.#settings;
    const attempt = new Attempt();
    this.#attempts.add(attempt);
    let response: Response;
    try {
      response = await fetch(this.#input, { ...this.#init, signal: attempt.signal(context, this.#signal) });
    } catch (error) {
      this.#attempts.delete(attempt);
      throw this.#canRepeat ? error : new FetchFailedError(undefined, Infinity, error);
    }
    attempt.response = response;
    if (this.#isOver) this.#discard(attempt);
    else if (guarded(false, isFailure, response)) {
      attempt.detach();
      throw new FetchFailedError(response, this.#hintMs(response));
    }
    return response;
  }

  #discard(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    attempt.discard();
  }

  #hintMs({ headers }: Response): number | undefined {
    return this.#canRepeat ? retryHintMs(headers, this.#settings.clock.epochMs()) : Infinity;
  }
}

/**
 * A `fetch` whose requests run under a policy: a pipeline of retry, timeout, circuit breaker, bulkhead.
 *
 * - An answer that `isFailure` calls one fails the attempt with a {@link FetchFailedError}, so that policies see
 *   it. Its `retryAfterMs`, which `retry` obeys, is what `Retry-After` asks for, or a `RateLimit` field by which
 *   nothing is left.
 * - When the policy gives up on such an answer, the caller gets the answer, its body unread, as from any `fetch`.
 *   Everything else rejects: what `fetch` threw, `signal.reason`, an open circuit, a timeout.
 * - A request that must not be repeated is sent once, whatever the policy does.
 * - Answers that the caller does not get are drained or cancelled, and their connections free.
 * - The policy ends where the answer begins: a timeout does not bound the reading of the body. The caller's
 *   signal does, as with any `fetch`.
 *
 * @example
 * ```ts
 * import { resilientFetch } from 'holdfast/http';
 * import { pipeline, retry, timeout } from 'holdfast/policy';
 *
 * const answers = [new Response('', { status: 503, headers: { 'Retry-After': '0' } }), new Response('fine')];
 * const server = async () => answers.shift()!; // pass `fetch` instead
 * const get = resilientFetch(pipeline(retry(), timeout({ ms: 2_000 })), server);
 * console.log(await (await get('https://example.org/')).text()); // fine
 * ```
 *
 * @throws TypeError when `policy` has no `run`, or an option is no function.
 */
export function resilientFetch(policy: FetchPolicy, fetch: FetchLike, options: ResilientFetchOptions = {}): FetchLike {
  if (typeof policy?.run !== 'function') refuse('policy', 'a policy (an object with a run method)', policy);
  if (typeof fetch !== 'function') refuse('fetch', 'a function', fetch);
  const {
    isFailure = ({ status }) => status === 408 || status === 429 || status >= 500,
    isRepeatable = (method) => IDEMPOTENT.includes(method),
    clock = shortClock,
  } = options;
  const settings = {
    fetch,
    isFailure: optionalFunction('isFailure', isFailure),
    isRepeatable: optionalFunction('isRepeatable', isRepeatable),
    clock,
  };
  return async (input, init) => new FetchCall(settings, input, init).run(policy);
}
