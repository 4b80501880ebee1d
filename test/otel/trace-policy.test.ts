import { afterEach, describe, expect, it, vi } from 'vitest';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import { tracePolicy } from '../../src/otel/index.ts';
import type { Span, SpanOptions, Tracer } from '../../src/otel/index.ts';
import { createBulkhead, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';

interface Recorded {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  status?: number;
  ends: number;
}

/** A tracer that records spans; `broken` says which methods throw. */
function fakeTracer(...broken: string[]): { readonly tracer: Tracer; readonly spans: Recorded[] } {
  const spans: Recorded[] = [];
  const fault = (method: string): void => {
    if (broken.includes(method)) throw new Error(`bad ${method}`);
  };
  const spanOf = (recorded: Recorded): Span => ({
    setAttribute(key, value) {
      fault('setAttribute');
      recorded.attributes[key] = value;
    },
    setStatus({ code }) {
      fault('setStatus');
      recorded.status = code;
    },
    end() {
      fault('end');
      recorded.ends++;
    },
  });
  const startActiveSpan = (name: string, { attributes }: SpanOptions, fn: (span: Span) => void): void => {
    fault('startActiveSpan');
    const recorded: Recorded = { name, attributes: { ...attributes }, ends: 0 };
    spans.push(recorded);
    fn(spanOf(recorded));
    fault('after');
  };
  return { tracer: { startActiveSpan } as Tracer, spans };
}

/** What is thrown and does not want to be looked at. */
const hostile: unknown = new Proxy(
  {},
  {
    get() {
      throw new Error('no look inside');
    },
  },
);

const attemptsOf = (spans: readonly Recorded[]): unknown[] =>
  spans.map(({ attributes }) => attributes['holdfast.attempt']);

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a span', () => {
  it('a span is made for each call, and ends once with its outcome and the type of its error', async () => {
    const { tracer, spans } = fakeTracer();
    const clock = createVirtualClock();
    const circuit = createCircuitBreaker({ trip: consecutiveFailures(3), openDurationMs: 1_000, clock });
    const policy = pipeline(tracePolicy(tracer, { name: 'charge', attributes: { peer: 'bank' } }), circuit);
    const errors = [
      new TypeError('secret'),
      Object.assign(new Error('secret'), { code: 'ECONNRESET' }),
      Object.assign(new Error('secret'), { code: 'no word', name: 'no word' }),
    ];
    expect(await policy.run(() => 'paid')).toBe('paid');
    for (const error of errors) {
      const outcome = await policy.runOutcome(() => Promise.reject(error));
      expect(outcome).toEqual({ ok: false, error });
    }
    await policy.runOutcome(() => 'not called');
    const seen = spans.map(({ name, status, ends, attributes }) => [
      name,
      attributes['holdfast.outcome'],
      attributes['error.type'],
      status,
      ends,
    ]);
    expect(seen).toEqual([
      ['charge', 'success', undefined, undefined, 1],
      ['charge', 'failure', 'TypeError', 2, 1],
      ['charge', 'failure', 'ECONNRESET', 2, 1],
      ['charge', 'failure', '_OTHER', 2, 1],
      ['charge', 'rejected', 'ERR_CIRCUIT_OPEN', 2, 1],
    ]);
    expect(spans.every(({ attributes }) => attributes['peer'] === 'bank')).toBe(true);
    expect(JSON.stringify(spans)).not.toContain('secret');
  });

  it.each([undefined, null, 5, 'text', Object.create(null), hostile])(
    'a span has a type for whatever is thrown, case %#',
    async (error) => {
      vi.stubGlobal('reportError', () => {});
      const { tracer, spans } = fakeTracer();
      await tracePolicy(tracer, { name: 'x' }).runOutcome(() => Promise.reject(error as Error));
      expect(spans).toMatchObject([{ attributes: { 'error.type': '_OTHER' }, status: 2, ends: 1 }]);
    },
  );

  it.each(['setAttribute', 'setStatus'])('a span ends although its %s throws', async (method) => {
    vi.stubGlobal('reportError', () => {});
    const { tracer, spans } = fakeTracer(method);
    await tracePolicy(tracer, { name: 'x' }).runOutcome(() => Promise.reject(new Error('down')));
    expect(spans).toMatchObject([{ ends: 1 }]);
  });

  it('a span of a call that its caller aborts is no error', async () => {
    const { tracer, spans } = fakeTracer();
    const controller = new AbortController();
    const waiting = tracePolicy(tracer, { name: 'charge' }).run(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      { signal: controller.signal },
    );
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await outcomeOf(waiting)).toEqual({ state: 'rejected', reason });
    expect(spans).toMatchObject([{ ends: 1, attributes: { 'holdfast.outcome': 'aborted' } }]);
    expect(spans[0]!.status).toBeUndefined();
  });

  it('a span around a retry covers all attempts, and one inside it one attempt', async () => {
    const outer = fakeTracer();
    const inner = fakeTracer();
    const again = retry({ maxAttempts: 3, backoff: () => 0 });
    const all = tracePolicy(outer.tracer, { name: 'all' });
    let calls = 0;
    await pipeline(all, again, tracePolicy(inner.tracer, { name: 'one' })).run(() => {
      if (++calls < 3) throw new Error('down');
    });
    expect(attemptsOf(outer.spans)).toEqual([1]);
    expect(attemptsOf(inner.spans)).toEqual([1, 2, 3]);
    expect(inner.spans.map(({ attributes }) => attributes['holdfast.outcome'])).toEqual([
      'failure',
      'failure',
      'success',
    ]);
  });

  it('a span inside a timeout ends when its operation does', async () => {
    const { tracer, spans } = fakeTracer();
    const clock = createVirtualClock();
    const open = gate();
    const policy = pipeline(timeout({ ms: 10, strategy: 'aggressive', clock }), tracePolicy(tracer, { name: 'slow' }));
    const waiting = policy.runOutcome(() => open.promise);
    await clock.advance(20);
    expect((await waiting).ok).toBe(false);
    expect(spans[0]!.ends).toBe(0);
    open.open();
    await flush();
    expect(spans[0]!.ends).toBe(1);
  });
});

describe('the call', () => {
  it.each(['startActiveSpan', 'after', 'setAttribute', 'setStatus', 'end'])(
    'a tracer that throws is reported and changes nothing of the call',
    async (method) => {
      const reports: unknown[] = [];
      vi.stubGlobal('reportError', (error: unknown) => void reports.push(error));
      const { tracer } = fakeTracer(method);
      const policy = tracePolicy(tracer, { name: 'charge' });
      let calls = 0;
      expect(await policy.run(() => ++calls)).toBe(1);
      const error = new Error('down');
      expect(await policy.runOutcome(() => Promise.reject(error))).toEqual({ ok: false, error });
      expect(calls).toBe(1);
      expect(reports.map(String)).toContain(`Error: bad ${method}`);
    },
  );

  it('an operation runs in the context of its own span whoever starts it, where the context is given', async () => {
    let current = 'none';
    const context = {
      active: () => current,
      bind<F>(own: string, target: F): F {
        const run = (...args: unknown[]): unknown => {
          const before = current;
          current = own;
          try {
            return (target as (...args: unknown[]) => unknown)(...args);
          } finally {
            current = before;
          }
        };
        return run as F;
      },
    };
    const { tracer } = fakeTracer();
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueue: 10 });
    const traced = pipeline(tracePolicy(tracer, { name: 'charge', context }), bulkhead);
    const open = gate();
    const seen: string[] = [];
    const call = (name: string): Promise<number> => {
      current = name;
      const result = traced.run(async () => {
        seen.push(current);
        await open.promise;
        return 1;
      });
      current = 'none';
      return result;
    };
    const calls = ['a', 'b', 'c'].map(call);
    open.open();
    await Promise.all(calls);
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  it('an operation keeps its signal and its failures where the context is given', async () => {
    const context = { active: () => 1, bind: <F>(_: never, target: F): F => target };
    const { tracer, spans } = fakeTracer();
    const policy = pipeline(retry({ maxAttempts: 2, backoff: () => 0 }), tracePolicy(tracer, { name: 'x', context }));
    const error = new Error('down');
    const attempts: number[] = [];
    const outcome = await policy.runOutcome(({ attempt }) => {
      attempts.push(attempt);
      throw error;
    });
    expect(outcome).toEqual({ ok: false, error });
    expect(attempts).toEqual([1, 2]);
    const controller = new AbortController();
    const waiting = policy.run(
      ({ signal }) => new Promise((_, no) => signal.addEventListener('abort', () => no(error))),
      {
        signal: controller.signal,
      },
    );
    controller.abort(error);
    expect(await outcomeOf(waiting)).toEqual({ state: 'rejected', reason: error });
    expect(spans.every(({ ends }) => ends === 1)).toBe(true);
  });
});

describe('options', () => {
  const { tracer } = fakeTracer();
  it.each([
    ['no tracer', () => tracePolicy(undefined as never, { name: 'x' }), TypeError],
    ['what is no tracer', () => tracePolicy({} as never, { name: 'x' }), TypeError],
    ['an empty name', () => tracePolicy(tracer, { name: '' }), RangeError],
    ['no name', () => tracePolicy(tracer, {} as never), TypeError],
    ['what is no context', () => tracePolicy(tracer, { name: 'x', context: {} as never }), TypeError],
  ])('refuse %s', (_, make, kind) => {
    expect(make).toThrow(kind);
  });

  it('are named where they are refused', () => {
    expect(() => tracePolicy({} as never, { name: 'x' })).toThrow(
      'tracer must be a tracer of OpenTelemetry, got object',
    );
    expect(() => tracePolicy(tracer, { name: '' })).toThrow('name must be a text of at least one character, got ""');
    expect(() => tracePolicy(tracer, { name: 'x', context: {} as never })).toThrow(
      'context must be the context of OpenTelemetry, got object',
    );
  });
});
