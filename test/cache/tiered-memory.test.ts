import { createVirtualClock } from '../../src/testing/index.ts';
import type { Subject } from './tiered-conformance.ts';
import { tierConformance } from './tiered-conformance.ts';
import { directly } from './tiered-fleet.ts';
import { MemoryPartition } from './tiered-memory.ts';

tierConformance('the tier in memory', async (): Promise<Subject> => {
  const clock = createVirtualClock();
  const part = new MemoryPartition(clock);
  return {
    part: directly(part, clock),
    pass: (ms) => clock.advance(ms),
    flush: async () => part.flush(),
    snapshot: async () => {
      const restore = part.snapshot();
      return async () => restore();
    },
    end: async () => {},
  };
});
