import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it, vi } from 'vitest';
import type { SagaSpan, SagaStore, SagaTracer } from '../../src/saga/index.ts';
import { saga } from '../../src/saga/index.ts';
import { gate } from '../support/gate.ts';
import { LEASE_MS, bed, broken, storeOf } from './kit.ts';

interface Recorded {
  readonly name: string;
  readonly parent: string | undefined;
  readonly attributes: Record<string, unknown>;
  error?: string;
  code?: number;
  ends: number;
}

/** What OpenTelemetry does: a span is the parent of those that are started while its function runs, awaits included. */
function recorder(): { readonly tracer: SagaTracer; readonly spans: Recorded[] } {
  const spans: Recorded[] = [];
  const active = new AsyncLocalStorage<Recorded>();
  return {
    spans,
    tracer: {
      startActiveSpan: (name, { attributes }, fn) => {
        const own: Recorded = { name, parent: active.getStore()?.name, attributes: { ...attributes }, ends: 0 };
        spans.push(own);
        const span: SagaSpan = {
          setAttribute: (key, value) => void (own.attributes[key] = value),
          setStatus: ({ code }) => void (own.code = code),
          recordException: ({ message }) => void (own.error = message),
          end: () => void own.ends++,
        };
        return active.run(own, () => fn(span)) as ReturnType<typeof fn>;
      },
    },
  };
}

const told = ({ name, parent, attributes, error, ends }: Recorded): unknown[] => [
  `${name} < ${parent ?? 'none'}`,
  attributes['holdfast.saga.attempt'],
  attributes['holdfast.saga.outcome'],
  error,
  ends,
];

describe('a tracer', () => {
  it('gets a span for each saga and within it one for each attempt, with ids, attempt and outcome', async () => {
    const own = bed();
    const { tracer, spans } = recorder();
    const inner = tracer;
    const def = saga<number>('order', { version: 3 })
      .step('a', {
        run: async ({ attempt }) => {
          await inner.startActiveSpan('sql', { attributes: {} }, async (span) => span.end());
          if (attempt === 1) throw new Error('once');
        },
        retry: { baseDelayMs: 0 },
        compensate: () => {},
      })
      .each('items', { items: () => ['k'], key: String, run: () => 1 })
      .step('b', {
        run: () => {
          throw broken();
        },
        compensate: ({ attempt }) => {
          if (attempt === 1) throw new Error('not yet');
        },
        compensationRetry: { baseDelayMs: 0 },
      });
    const handle = await own.runner([def], { tracer }).start(def, 1, { id: 'x' });
    handle.result().catch(() => undefined);
    await own.pass(100);
    expect(spans.map(told)).toEqual([
      ['saga order < none', undefined, 'compensated', 'saga x is undone: step b failed', 1],
      ['run a < saga order', 1, 'failed', 'once', 1],
      ['sql < run a', undefined, undefined, undefined, 1],
      ['run a < saga order', 2, 'completed', undefined, 1],
      ['sql < run a', undefined, undefined, undefined, 1],
      ['run items < saga order', 1, 'completed', undefined, 1],
      ['run b < saga order', 1, 'unknown', 'the connection broke', 1],
      ['undo b < saga order', 1, 'compensation-failed', 'not yet', 1],
      ['undo b < saga order', 2, 'compensated', undefined, 1],
      ['undo a < saga order', 1, 'compensated', undefined, 1],
    ]);
    expect(spans[0]!.attributes).toEqual({
      'holdfast.saga.id': 'x',
      'holdfast.saga.name': 'order',
      'holdfast.saga.version': 3,
      'holdfast.saga.fence': 1,
      'holdfast.saga.outcome': 'compensated',
    });
    expect(spans[5]!.attributes).toEqual({
      'holdfast.saga.id': 'x',
      'holdfast.saga.step': 'items/k',
      'holdfast.saga.attempt': 1,
      'holdfast.saga.idempotency_key': 'x/items/k/run',
      'holdfast.saga.outcome': 'completed',
    });
    expect(spans.map(({ code }) => code)).toEqual([2, 2, ...Array(4).fill(undefined), 2, 2, undefined, undefined]);
  });

  it('is told that a saga waits, goes on, and that its lease was lost in the middle of a step', async () => {
    const own = bed();
    const { tracer, spans } = recorder();
    let isCut = false;
    const store = storeOf(own.store, { isDead: false }, () => (isCut ? 'refuse' : undefined));
    const slow = gate();
    const def = saga('order')
      .sleep('s', 5000)
      .step('a', { run: () => slow.promise });
    await own.runner([def], { tracer, store }).start(def, undefined, { id: 'x' });
    await own.pass(7000);
    isCut = true;
    await own.pass(LEASE_MS);
    expect(spans.map(told)).toEqual([
      ['saga order < none', undefined, 'waiting', undefined, 1],
      ['saga order < none', undefined, 'lost', undefined, 1],
      ['run a < saga order', 1, 'lost', expect.stringContaining('lease'), 1],
    ]);
    slow.open();
  });

  it('ends the span of an atomic step whose transaction a fault of the store has rolled back', async () => {
    const own = bed();
    const { tracer, spans } = recorder();
    let faults = 1;
    const flaky = new Proxy(storeOf(own.store, { isDead: false }), {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
        if (verb !== 'atomic') return target[verb];
        return (...[worker, at, fn]: Parameters<NonNullable<SagaStore['atomic']>>) =>
          target.atomic!(worker, at, async (tx) => {
            const write = await fn(tx);
            if (faults-- > 0) throw new Error('rolled back');
            return write;
          });
      },
    });
    const def = saga('order').step('a', { atomic: true, run: () => 1 });
    const runner = own.runner([def], { tracer, store: flaky });
    const handle = await runner.start(def, undefined, { id: 'x' });
    const result = handle.result();
    await own.pass(1000);
    expect(await result).toEqual({ a: 1 });
    expect(spans.map(told)).toEqual([
      ['saga order < none', undefined, 'completed', undefined, 1],
      ['run a < saga order', 1, 'repeated', undefined, 1],
      ['run a < saga order', 1, 'completed', undefined, 1],
    ]);
  });

  it('that throws, calls nothing or calls twice changes nothing', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {});
    const fail = (): never => {
      throw new Error('tracer');
    };
    const span = { setAttribute: fail, setStatus: fail, recordException: fail, end: fail };
    const tracers: readonly SagaTracer[] = [
      { startActiveSpan: fail },
      { startActiveSpan: () => undefined as never },
      {
        startActiveSpan: (_name, _options, fn) => {
          fn(span);
          return fn(span) as never;
        },
      },
      {
        startActiveSpan: (_name, _options, fn) => {
          fn(span);
          return fail();
        },
      },
    ];
    for (const tracer of tracers) {
      const own = bed();
      let calls = 0;
      const def = saga('order').step('a', { run: () => ++calls });
      const handle = await own.runner([def], { tracer }).start(def, undefined);
      expect([await handle.result(), calls]).toEqual([{ a: 1 }, 1]);
    }
    expect(report).toHaveBeenCalled();
    report.mockRestore();
  });
});
