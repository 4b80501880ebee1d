import { describe } from 'vitest';
import { createVirtualClock } from '../../src/testing/index.ts';
import { memoryBreakerStore } from './memory-breaker-store.ts';
import { breakerStoreContract } from './shared-store-contract.ts';

// What the other suites put in the place of a server keeps the same promises as one.
describe('a store in memory', () => {
  const clock = createVirtualClock({ nowMs: 1_000_000 });
  const store = memoryBreakerStore(clock);
  breakerStoreContract(() => ({ store, pass: (ms) => clock.advance(ms), flush: () => store.flush() }));
});
