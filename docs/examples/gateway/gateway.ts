import type { RequestListener } from 'node:http';
import type { Host } from '../../../src/balance/index.ts';
import { createP2cEwma } from '../../../src/balance/index.ts';
import { consecutiveFailures, createBreakerRegistry } from '../../../src/circuit-breaker/index.ts';
import { nodeRateLimit } from '../../../src/http/index.ts';
import { createRetryBudget, exponentialBackoff, retry, timeout } from '../../../src/policy/index.ts';
import { createRateLimiter, tokenBucket } from '../../../src/rate-limit/index.ts';

export interface Server extends Host {
  readonly url: string;
}

export interface GatewayOptions {
  readonly servers: readonly Server[];
  readonly timeoutMs: number;
  readonly openMs: number;
  readonly limit: number;
}

export interface Gateway {
  readonly listener: RequestListener;
  /** How the circuit of a server stands. */
  stateOf(id: string): string;
}

/** Limit for each client > retry on another server, with a budget > circuit of the server > timeout. For requests that only read. */
export function createGateway({ servers, timeoutMs, openMs, limit }: GatewayOptions): Gateway {
  const circuits = createBreakerRegistry({
    create: (name) => ({ name, trip: consecutiveFailures(3), openDurationMs: openMs }),
  });
  const picker = createP2cEwma(servers, { isUsable: ({ id }) => circuits.get(id).state !== 'open' });
  const retries = retry({
    maxAttempts: servers.length,
    backoff: exponentialBackoff({ baseMs: 5, maxMs: 50 }),
    budget: createRetryBudget({ ratio: 0.2, minRetriesPerSecond: 10 }),
    // The next attempt goes to another server.
    isRetryable: () => true,
  });
  const limited = timeout({ ms: timeoutMs });

  const forward = (path: string): Promise<Response> => {
    const tried = new Set<string>();
    return retries.run(async () => {
      const lease = picker.pick({ exclude: tried });
      if (!lease) throw new Error('no server is left');
      let isOk = false;
      try {
        const answer = await circuits
          .get(lease.id)
          .run(() => limited.run(({ signal }) => get(lease.host.url + path, signal)));
        isOk = true;
        return answer;
      } finally {
        tried.add(lease.id);
        lease.release(isOk);
      }
    });
  };

  const mayPass = nodeRateLimit(createRateLimiter(tokenBucket({ limit, periodMs: 1_000, name: 'gateway' })), {
    key: ({ headers }) => String(headers['x-api-key']),
  });
  const answer = async (...[request, response]: Parameters<RequestListener>): Promise<void> => {
    if (!(await mayPass(request, response))) return;
    try {
      const { status, body } = await forward(request.url!).then(async (reply) => ({
        status: reply.status,
        body: await reply.text(),
      }));
      response.writeHead(status).end(body);
    } catch (error) {
      response.writeHead(503, { 'retry-after': '1' }).end(String(error));
    }
  };
  return {
    listener: (request, response) => void answer(request, response).catch(() => response.destroy()),
    stateOf: (id) => circuits.get(id).state,
  };
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  if (response.status >= 500) throw new Error(`answered ${response.status}`);
  return response;
}
