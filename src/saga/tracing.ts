import { guarded, reportError } from '../core/errors.ts';
import type { StepRun } from './step-run.ts';

/** The part of a span of OpenTelemetry that is used. */
export interface SagaSpan {
  setAttribute(name: string, value: string | number): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  recordException(error: Error): void;
  end(): void;
}

/**
 * The part of a tracer of OpenTelemetry (`trace.getTracer('sagas')`) that is used. What a step does is within its span,
 * so spans of clients that it calls are children of it.
 */
export interface SagaTracer {
  startActiveSpan<F extends (span: SagaSpan) => unknown>(
    name: string,
    options: { readonly attributes: Record<string, string | number> },
    fn: F,
  ): ReturnType<F>;
}

/** `SpanStatusCode.ERROR` of https://opentelemetry.io/docs/specs/otel/trace/api/#set-status */
const ERROR = 2;

/** Calls `fn` once, within a span if the tracer makes one: what it throws itself is reported and changes nothing. */
function within<T>(
  tracer: SagaTracer,
  name: string,
  attributes: Record<string, string | number>,
  fn: (span: SagaSpan | undefined) => Promise<T>,
): Promise<T> {
  let result: Promise<T> | undefined;
  try {
    void tracer.startActiveSpan(name, { attributes }, (span) => (result ??= fn(span)));
  } catch (error) {
    reportError(error);
  }
  return (result ??= fn(undefined));
}

/** What a tracer is told of the sagas of a runner. */
export class Spans {
  readonly #tracer: SagaTracer;
  readonly #open = new WeakMap<StepRun, SagaSpan>();

  constructor(tracer: SagaTracer) {
    this.#tracer = tracer;
  }

  /** Of one saga, from when this process takes it up until it lets go of it. */
  saga<T>(
    { id, name, version, fence }: Readonly<Record<'id' | 'name', string> & Record<'version' | 'fence', number>>,
    fn: (span: SagaSpan | undefined) => Promise<T>,
  ): Promise<T> {
    const attributes = {
      'holdfast.saga.id': id,
      'holdfast.saga.name': name,
      'holdfast.saga.version': version,
      'holdfast.saga.fence': fence,
    };
    return within(this.#tracer, `saga ${name}`, attributes, fn);
  }

  /** Of one attempt. */
  attempt(run: StepRun, isUndo: boolean, call: () => unknown): Promise<unknown> {
    // The same attempt again: its transaction was rolled back by a fault of the store.
    this.attempted(run, 'repeated');
    const { sagaId, step, attempt, idempotencyKey, frame } = run;
    const attributes = {
      'holdfast.saga.id': sagaId,
      'holdfast.saga.step': step,
      'holdfast.saga.attempt': attempt,
      'holdfast.saga.idempotency_key': idempotencyKey,
    };
    // Names are few: that of an item is in the attributes.
    const name = 'item' in run ? frame.prefix.slice(0, -1) : step;
    return within(this.#tracer, `${isUndo ? 'undo' : 'run'} ${name}`, attributes, async (span) => {
      if (span) this.#open.set(run, span);
      return call();
    });
  }

  attempted(run: StepRun, outcome: string, error?: unknown): void {
    const span = this.#open.get(run);
    this.#open.delete(run);
    this.end(span, outcome, error);
  }

  end(span: SagaSpan | undefined, outcome: string, error: unknown): void {
    if (!span) return;
    guarded(undefined, () => {
      span.setAttribute('holdfast.saga.outcome', outcome);
      if (error !== undefined) {
        const exception = error instanceof Error ? error : new Error(String(error as string));
        span.recordException(exception);
        span.setStatus({ code: ERROR, message: exception.message });
      }
      span.end();
    });
  }
}
