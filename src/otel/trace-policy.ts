import { invoke, start, StepPolicy } from '../core/call.ts';
import { refuse } from '../core/check.ts';
import { guarded, isRejection, reportError } from '../core/errors.ts';
import type { Operation, Policy } from '../core/policy.ts';

/** What is used of a span of @opentelemetry/api. */
export interface Span {
  setAttribute(key: string, value: string | number): unknown;
  setStatus(status: { code: number }): unknown;
  end(): void;
}

/** What is used of a tracer of @opentelemetry/api. */
export interface Tracer {
  startActiveSpan<F extends (span: Span) => unknown>(name: string, options: SpanOptions, fn: F): ReturnType<F>;
}

/** Attributes of a span from its start. */
export interface SpanOptions {
  readonly attributes?: { [name: string]: string | number | boolean } | undefined;
}

/** What is used of the `context` of @opentelemetry/api. */
export interface ContextManager {
  active(): unknown;
  bind<F>(context: never, target: F): F;
}

/** Options of {@link tracePolicy}. */
export interface TracePolicyOptions {
  /** Name of the spans. One per use in the code: `charge`, not `charge 4711`. */
  readonly name: string;
  /** Attributes of every span. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | undefined;
  /**
   * `context` of @opentelemetry/api: the operation then runs in the context of its own span whoever starts it. Needed
   * where something inside has calls wait in line, which are started by whoever makes room.
   *
   * @defaultValue none: the operation runs in the context in which it is started
   */
  readonly context?: ContextManager | undefined;
}

/** `SpanStatusCode.ERROR`. */
const ERROR = 2;

/** The convention's word for an error that has no name. */
const OTHER = '_OTHER';

/**
 * Creates a policy that makes a span for each call that passes, as the active one for all that is inside it.
 *
 * Attributes: `holdfast.attempt`; at the end `holdfast.outcome`: `success`, `failure`, `rejected` (turned away before
 * the operation started), `aborted` (by whoever called: the caller, or a timeout or hedge around it; no error of the
 * span); and `error.type` for a failure or rejection: the `code` of the error, else its `name`. No message becomes part
 * of a span.
 *
 * Around a retry it makes one span for all attempts, inside it one for each. Costs a span and a promise per call. A
 * tracer that throws is reported and changes nothing.
 *
 * @example
 * ```ts
 * import { trace } from '@opentelemetry/api';
 * import { tracePolicy } from 'holdfast/otel';
 * import { pipeline, retry, timeout } from 'holdfast/policy';
 *
 * const tracer = trace.getTracer('shop');
 * const calls = pipeline(tracePolicy(tracer, { name: 'charge' }), retry(), timeout({ ms: 2_000 }));
 * await calls.run(async () => 'paid');
 * ```
 *
 * @throws RangeError or TypeError for a tracer that is none, or a name that is empty.
 */
export function tracePolicy(tracer: Tracer, options: TracePolicyOptions): Policy {
  const { name, attributes, context } = options;
  if (typeof tracer?.startActiveSpan !== 'function') refuse('tracer', 'a tracer of OpenTelemetry', tracer);
  if (typeof name !== 'string' || !name) refuse('name', 'a text of at least one character', name);
  if (context && typeof context.bind !== 'function') refuse('context', 'the context of OpenTelemetry', context);
  /*
   * What is inside runs as a call of its own, whose promise is awaited out here: what follows, another attempt for
   * one, then goes on in the context of the caller and not in that of the span.
   */
  return new StepPolicy((inner) => (call, scope, done) => {
    let span: Span | undefined;
    let inside: Promise<unknown> | undefined;
    const enter = (own?: Span): Promise<unknown> => {
      span ??= own;
      return (inside ??= start(inner, boundTo(context, call.op), scope.signal, scope.attempt));
    };
    const begin = (): Promise<unknown> => {
      try {
        void tracer.startActiveSpan(name, { attributes: { ...attributes, 'holdfast.attempt': scope.attempt } }, enter);
      } catch (error) {
        reportError(error);
      }
      return enter();
    };
    invoke(begin, call, scope, (isOk, result) => {
      if (span) guarded(undefined, finish, span, scope.aborted ? 'aborted' : outcomeOf(isOk, result), result);
      done(isOk, result);
    });
  });
}

/** What was bound, and by what: a span further inside binds it anew, or the operation would leave its span. */
const bindings: WeakMap<
  Operation<unknown>,
  { readonly op: Operation<unknown>; readonly by: ContextManager }
> = /* @__PURE__ */ new WeakMap();

/** The operation in the context that is active now, where that is known. */
function boundTo(context: ContextManager | undefined, op: Operation<unknown>): Operation<unknown> {
  const { op: own, by = context } = bindings.get(op) ?? { op };
  if (!by) return op;
  return guarded(op, () => {
    const bound = by.bind(by.active() as never, own);
    if (bound !== own) bindings.set(bound, { op: own, by });
    return bound;
  });
}

type CallOutcome = 'success' | 'failure' | 'rejected';

function outcomeOf(isOk: boolean, result: unknown): CallOutcome {
  if (isOk) return 'success';
  return isRejection(result) ? 'rejected' : 'failure';
}

function finish(span: Span, outcome: CallOutcome | 'aborted', result: unknown): void {
  try {
    span.setAttribute('holdfast.outcome', outcome);
    if (outcome === 'failure' || outcome === 'rejected') {
      span.setAttribute('error.type', guarded(OTHER, errorType, result));
      span.setStatus({ code: ERROR });
    }
  } finally {
    span.end();
  }
}

/** What may be an attribute of an error: its code where that is a word, else its name. */
function errorType(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  if (typeof code === 'string' && /^[A-Z]\w{0,63}$/.test(code)) return code;
  return typeof name === 'string' && /^[A-Z]\w{0,63}$/i.test(name) ? name : OTHER;
}
