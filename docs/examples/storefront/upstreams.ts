import type { Host, Picker } from '../../../src/balance/index.ts';
import { createP2cEwma } from '../../../src/balance/index.ts';
import type { CircuitBreaker } from '../../../src/circuit-breaker/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../../src/circuit-breaker/index.ts';
import type { Policy } from '../../../src/policy/index.ts';
import {
  createBulkhead,
  createRetryBudget,
  exponentialBackoff,
  pipeline,
  retry,
  timeout,
} from '../../../src/policy/index.ts';
import type { Ring } from '../../../src/ring/index.ts';
import { createRing } from '../../../src/ring/index.ts';
import type { Answer } from './json-server.ts';
import { request } from './json-server.ts';
import { tell } from './messages.ts';
import { limits } from './plan.ts';

interface Upstream extends Host {
  readonly url: string;
  readonly circuit: CircuitBreaker;
  readonly pages: Policy;
  readonly orders: Policy;
}

export interface Forward {
  readonly kind: 'pages' | 'orders';
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** Where a request goes: to whoever has time, or along the ring from the owner of a cart. */
export type Target = { readonly cart: string } | 'anyone';

/** The shop processes as the gateway sees them: each with its own circuit and its share of the carts. */
export class Upstreams {
  readonly #all: ReadonlyMap<string, Upstream>;
  readonly #picker: Picker<Upstream>;
  readonly #ring: Ring;
  readonly #retries: Policy;

  constructor(urls: Readonly<Record<string, string>>) {
    this.#all = new Map(Object.entries(urls).map(([id, url]) => [id, upstream(id, url)]));
    this.#picker = createP2cEwma([...this.#all.values()], { isUsable, decayMs: 2_000 });
    this.#ring = createRing({ nodes: this.#all.keys() });
    this.#retries = retry({
      maxAttempts: 3,
      backoff: exponentialBackoff({ baseMs: 20, maxMs: 200 }),
      budget: createRetryBudget({ ratio: 0.2, minRetriesPerSecond: 10 }),
      // Another attempt goes to another process, so an open circuit here is no reason to give up.
      isRetryable: () => true,
    });
  }

  /** Every request here may be repeated: carts are set, and an order's number makes one of its checkouts. */
  send(forward: Forward, target: Target): Promise<Answer> {
    const tried = new Set<string>();
    return this.#retries.run(({ signal }) =>
      target === 'anyone' ? this.#toAnyone(forward, tried, signal) : this.#alongRing(forward, target.cart, tried),
    );
  }

  /** A cart is kept by the first two on the ring that are well, so that it outlives one of them. */
  async keep(forward: Forward, cart: string): Promise<Answer> {
    const keepers = [...this.#ring.walk(cart)].map((id) => this.#all.get(id)!).filter(isUsable);
    const answers = await Promise.allSettled(keepers.slice(0, 2).map((keeper) => call(keeper, forward)));
    const kept = answers.find((answer) => answer.status === 'fulfilled');
    return kept?.value ?? this.send(forward, 'anyone');
  }

  async #toAnyone(forward: Forward, tried: Set<string>, signal: AbortSignal): Promise<Answer> {
    const lease = this.#picker.pick({ exclude: tried });
    if (!lease) throw new Error('no shop can be reached');
    let isOk = false;
    try {
      const answer = await call(lease.host, forward, signal);
      isOk = true;
      return answer;
    } finally {
      if (!isOk) tried.add(lease.id);
      lease.release(isOk);
    }
  }

  async #alongRing(forward: Forward, cart: string, tried: Set<string>): Promise<Answer> {
    const id = this.#ring.pick(cart, (node) => !tried.has(node) && isUsable(this.#all.get(node)!));
    if (id === undefined) throw new Error('no shop with this cart can be reached');
    tried.add(id);
    const answer = await call(this.#all.get(id)!, forward);
    // A process that was restarted has forgotten its carts; the next one on the ring has them too.
    if (answer.status === 410 && tried.size < 2) return this.#alongRing(forward, cart, tried);
    return answer;
  }
}

function upstream(id: string, url: string): Upstream {
  const circuit = createCircuitBreaker({
    name: `gateway > ${id}`,
    trip: consecutiveFailures(limits.upstreamFailures),
    openDurationMs: limits.upstreamOpenMs,
    onEvent: ({ name, to }) => tell({ type: 'circuit', name, to, atMs: Date.now() }),
  });
  tell({ type: 'circuit', name: circuit.name, to: circuit.state, atMs: Date.now() });
  // Outermost, so that the time in its queue is not taken for slowness of the shop.
  const bulkhead = createBulkhead({
    maxConcurrent: limits.requestsPerUpstream,
    maxQueue: 2_000,
    queueTimeoutMs: 5_000,
  });
  return {
    id,
    url,
    circuit,
    pages: pipeline(bulkhead, circuit, timeout({ ms: limits.pageUpstreamMs })),
    orders: pipeline(bulkhead, circuit, timeout({ ms: limits.orderUpstreamMs })),
  };
}

function isUsable({ circuit }: Upstream): boolean {
  return circuit.state !== 'open';
}

function call(to: Upstream, { kind, method, path, body }: Forward, signal?: AbortSignal): Promise<Answer> {
  return to[kind].run(
    async (ctx) => {
      const answer = await request(method, `${to.url}/${path}`, { body, signal: ctx.signal });
      // 503 is the word of a process that is well and whose database is not.
      if (answer.status >= 500 && answer.status !== 503) throw new Error(`${to.id} answered ${answer.status}`);
      return answer;
    },
    signal ? { signal } : {},
  );
}
