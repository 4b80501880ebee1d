import type { Case } from './support/case.ts';
import { bundled } from './support/size.ts';

const five = 'createCircuitBreaker, consecutiveFailures, retry, timeout, createBulkhead, pipeline';

const together: Case = {
  kind: 'observed',
  name: 'size of four policies and their pipeline',
  about:
    'the imports for retry, circuit breaker, timeout, bulkhead and their composition, minified and brotli-compressed',
  subjects: [
    bundled('holdfast', `export { ${five} } from 'holdfast';`),
    bundled(
      'cockatiel',
      "export { retry, circuitBreaker, ConsecutiveBreaker, timeout, bulkhead, wrap, handleAll } from 'cockatiel';",
    ),
    bundled(
      'p-retry + opossum + p-timeout + p-limit',
      `export { default as pRetry } from 'p-retry'; export { default as CircuitBreaker } from 'opossum';
       export { default as pTimeout } from 'p-timeout'; export { default as pLimit } from 'p-limit';`,
    ),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 4000 }] }],
};

const retry: Case = {
  kind: 'observed',
  name: 'size of retry',
  about: 'the import of retry alone, with its backoff, minified and brotli-compressed',
  subjects: [
    bundled('holdfast', "export { retry } from 'holdfast/policy';"),
    bundled('p-retry', "export { default } from 'p-retry';"),
    bundled('cockatiel', "export { retry, handleAll, ExponentialBackoff } from 'cockatiel';"),
    bundled(
      'effect',
      "import { Effect, Schedule } from 'effect'; export const r = Effect.retry, p = Effect.runPromise, s = Schedule.exponential, t = Effect.tryPromise;",
    ),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 1300 }] }],
};

export const cases: readonly Case[] = [together, retry];
