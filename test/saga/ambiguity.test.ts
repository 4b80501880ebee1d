import { describe, expect, it } from 'vitest';
import { SagaRefusal, StepTimeoutError, saga } from '../../src/saga/index.ts';
import type { CompensateContext, StepContext } from '../../src/saga/index.ts';

const coded = (code: unknown): Error => Object.assign(new Error('no'), { code });
const named = (name: string): Error => Object.defineProperty(new Error('no'), 'name', { value: name });

/** What the compensation of a step that failed with `error` is told, if it is called. */
async function outcomeAfter(error: unknown): Promise<string> {
  let outcome = 'refused';
  const def = saga('order').step('a', {
    run: () => {
      throw error;
    },
    compensate: (c) => void (outcome = c.outcome),
  });
  await expect(def.run()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', cause: error });
  return outcome;
}

describe('the outcome of a step', () => {
  it.each([
    'ECONNRESET',
    'ECONNABORTED',
    'EPIPE',
    'ETIMEDOUT',
    'ABORT_ERR',
    'UND_ERR_SOCKET',
    'UND_ERR_ABORTED',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
    'ERR_TIMEOUT',
    'ERR_STORE_TIMEOUT',
    'ERR_STORE_FAULT',
    'ERR_SAGA_LEASE_LOST',
    '08000',
    '08006',
    '57P01',
    '57P03',
  ])('is unknown after code %s, also where that is the cause of another error', async (code) => {
    const error = coded(code);
    expect(await outcomeAfter(error)).toBe('unknown');
    expect(await outcomeAfter(new TypeError('fetch failed', { cause: error }))).toBe('unknown');
    expect(await outcomeAfter(new Error('a', { cause: new Error('b', { cause: error }) }))).toBe('unknown');
  });

  it('is unknown after an abort and after a time limit', async () => {
    for (const error of [named('AbortError'), named('TimeoutError'), new StepTimeoutError('a', 5)]) {
      expect(await outcomeAfter(error)).toBe('unknown');
    }
  });

  it.each([
    'ECONNREFUSED',
    'ENOTFOUND',
    '23505',
    '0800',
    '080061',
    'x08006',
    '57P1',
    '57P011',
    'ERR_RATE_LIMITED',
    8006,
  ])('is known after code %s: it did nothing', async (code) => {
    expect(await outcomeAfter(coded(code))).toBe('refused');
  });

  it('is known after what is no error, and after a refusal, whatever led to that', async () => {
    for (const error of [undefined, null, 'ECONNRESET', 5, {}, new Error('no')]) {
      expect(await outcomeAfter(error)).toBe('refused');
    }
    expect(await outcomeAfter(new SagaRefusal('no', { cause: coded('ECONNRESET') }))).toBe('refused');
    expect(await outcomeAfter(Object.assign(coded('ECONNRESET'), { retryable: false }))).toBe('refused');
    expect(await outcomeAfter(Object.assign(coded('ECONNRESET'), { retryable: true }))).toBe('unknown');
  });

  it('is unknown after an abort whose reason a step passes on, though that is the refusal of somebody else', async () => {
    for (const reason of [new SagaRefusal('no'), { retryable: false }]) {
      const undone: string[] = [];
      const passesOn = {
        run: ({ signal }: StepContext<unknown, unknown>): Promise<never> =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          }),
        compensate: ({ step, outcome }: CompensateContext<unknown, unknown, unknown>) =>
          void undone.push(`${step} ${outcome}`),
      };
      const refuses = {
        run: () => {
          throw reason;
        },
      };
      const siblings = saga('order').parallel('p', { a: passesOn, b: refuses });
      await expect(siblings.run()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', cause: reason });
      const controller = new AbortController();
      const cancelled = saga('order').step('c', passesOn).run(undefined, { signal: controller.signal });
      controller.abort(reason);
      await expect(cancelled).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
      expect(undone).toEqual(['p/a unknown', 'c unknown']);
    }
  });

  it('is known after errors that cause each other', async () => {
    const [a, b] = [new Error('a'), new Error('b')];
    [a.cause, b.cause] = [b, a];
    expect(await outcomeAfter(a)).toBe('refused');
    const self = new Error('self');
    self.cause = self;
    expect(await outcomeAfter(self)).toBe('refused');
  });
});
