import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tracePolicy } from '../../src/otel/index.ts';
import { createBulkhead, pipeline, retry } from '../../src/policy/index.ts';
import { gate } from '../support/gate.ts';

describe('spans of the OpenTelemetry SDK', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const tracer = provider.getTracer('test');

  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });
  afterAll(async () => {
    context.disable();
    await provider.shutdown();
  });

  /** Parent of each span by name, `-` for none. */
  function parents(): Record<string, string> {
    const spans = exporter.getFinishedSpans();
    const nameOf = (id: string | undefined): string =>
      spans.find((span) => span.spanContext().spanId === id)?.name ?? '-';
    return Object.fromEntries(spans.map((span) => [span.name, nameOf(span.parentSpanContext?.spanId)]));
  }

  it('spans are the active ones for all inside them, and children of the caller', async () => {
    exporter.reset();
    const policy = pipeline(
      tracePolicy(tracer, { name: 'all' }),
      retry({ maxAttempts: 2, backoff: () => 1 }),
      tracePolicy(tracer, { name: 'attempt' }),
    );
    let calls = 0;
    const outcome = await tracer.startActiveSpan('caller', async (caller) => {
      const result = await policy.runOutcome(async () => {
        await Promise.resolve();
        tracer.startSpan('inside').end();
        if (calls++ === 0) throw Object.assign(new Error('secret'), { code: 'ECONNRESET' });
        return 'answer';
      });
      caller.end();
      return result;
    });
    expect(outcome).toEqual({ ok: true, value: 'answer' });
    expect(parents()).toEqual({ inside: 'attempt', attempt: 'all', all: 'caller', caller: '-' });
    const [failed, again] = exporter.getFinishedSpans().filter(({ name }) => name === 'attempt');
    expect(failed).toMatchObject({
      status: { code: 2 },
      attributes: { 'holdfast.attempt': 1, 'holdfast.outcome': 'failure', 'error.type': 'ECONNRESET' },
    });
    expect(again).toMatchObject({
      status: { code: 0 },
      attributes: { 'holdfast.attempt': 2, 'holdfast.outcome': 'success' },
    });
  });

  it.each([
    ['both', { context }, { context }],
    ['the outer one alone', { context }, {}],
    ['the inner one alone', {}, { context }],
  ])(
    'the innermost span is the parent of what the operation does, with the context for %s',
    async (_, outer, inner) => {
      exporter.reset();
      const policy = pipeline(
        tracePolicy(tracer, { name: 'all', ...outer }),
        retry({ maxAttempts: 2, backoff: () => 1 }),
        tracePolicy(tracer, { name: 'attempt', ...inner }),
      );
      let calls = 0;
      await policy.run(() => {
        tracer.startActiveSpan(`query ${++calls}`, (span) => span.end());
        if (calls === 1) throw new Error('down');
      });
      const spans = exporter.getFinishedSpans();
      const parentOf = (name: string): string | undefined => {
        const parent = spans.find((span) => span.name === name)?.parentSpanContext?.spanId;
        const found = spans.find((span) => span.spanContext().spanId === parent);
        return found && `${found.name} ${String(found.attributes['holdfast.attempt'])}`;
      };
      expect([parentOf('query 1'), parentOf('query 2')]).toEqual(['attempt 1', 'attempt 2']);
      expect(parentOf('attempt')).toBe('all 1');
    },
  );

  it('spans are the parents of what their own operation does although another call made room for it, with the context', async () => {
    exporter.reset();
    const open = gate();
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueue: 10 });
    const calls = ['a', 'b', 'c'].map((name) =>
      pipeline(tracePolicy(tracer, { name, context }), bulkhead).run(async () => {
        await open.promise;
        tracer.startSpan(`inside ${name}`).end();
      }),
    );
    open.open();
    await Promise.all(calls);
    expect(parents()).toEqual({ a: '-', b: '-', c: '-', 'inside a': 'a', 'inside b': 'b', 'inside c': 'c' });
    expect(trace.getActiveSpan()).toBeUndefined();
  });
});
