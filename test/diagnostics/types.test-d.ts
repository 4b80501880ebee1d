import { createCache } from '../../src/cache/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import type { CircuitBreakerEvent } from '../../src/circuit-breaker/index.ts';
import { publishCache, publishDecisions, publishEvents, subscribeEvents } from '../../src/diagnostics/index.ts';
import type { DiagnosticMessage } from '../../src/diagnostics/index.ts';
import { createBulkhead, retry } from '../../src/policy/index.ts';
import { createPool } from '../../src/pool/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';

const name = 'one';
createCircuitBreaker({
  trip: consecutiveFailures(1),
  openDurationMs: 1,
  onEvent: publishEvents('circuit-breaker', { name }),
});
retry({ onEvent: publishEvents('retry', { name }) });
createBulkhead({ maxConcurrent: 1, onEvent: publishEvents('bulkhead', { name }) });
createPool({ create: () => 1, onEvent: publishEvents('pool', { name }) });
createRateLimiter(tokenBucket({ limit: 1, periodMs: 1 }), { onDecision: publishDecisions({ name }) });
createCache<string, number>({ maxEntries: 1, ...publishCache({ name }) });

subscribeEvents('circuit-breaker', (message) => {
  message satisfies DiagnosticMessage<'circuit-breaker'>;
  message.event satisfies CircuitBreakerEvent;
  message.name satisfies string;
}) satisfies () => void;
subscribeEvents('rate-limit', ({ event }) => event.decision.allowed satisfies boolean);

// @ts-expect-error no such kind
publishEvents('pools', { name });
// @ts-expect-error the name is required
publishEvents('pool', {});
// @ts-expect-error events of another kind
retry({ onEvent: publishEvents('bulkhead', { name }) });
// @ts-expect-error an event of the kind
publishEvents('hedge', { name })({ type: 'retry' });
// @ts-expect-error messages are not to be written
subscribeEvents('pool', (message) => (message.name = 'two'));
