import { createKeyedPool } from '../../src/pool/index.ts';
import type { KeyedPool, KeyedPoolOptions } from '../../src/pool/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

/** A resource that knows its key and what became of it. */
export interface Host {
  readonly key: unknown;
  readonly ends: string[];
}

export interface KeyedSetup {
  readonly pool: KeyedPool<unknown, Host>;
  readonly clock: VirtualClock;
  readonly made: Host[];
}

/** A keyed pool of hosts that are made at once, unless told otherwise. */
export function keyed(options: Partial<KeyedPoolOptions<unknown, Host>> = {}): KeyedSetup {
  const clock = createVirtualClock();
  const made: Host[] = [];
  const pool = createKeyedPool<unknown, Host>({
    create: (key) => {
      const host = { key, ends: [] };
      made.push(host);
      return host;
    },
    destroy: (host, reason) => void host.ends.push(reason),
    clock,
    ...options,
  });
  return { pool, clock, made };
}
