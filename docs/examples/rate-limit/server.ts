import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GuardLimiter } from '../../../src/http/index.ts';
import { clientIp, ipKey, nodeRateLimit } from '../../../src/http/index.ts';
import { tokenBucket } from '../../../src/rate-limit/index.ts';

/** Ten a second, and twenty at once. */
export const policy = tokenBucket({ limit: 10, periodMs: 1_000, burst: 20, name: 'api' });

export interface Listening {
  readonly server: Server;
  readonly url: string;
}

/** Starts a server that says hello to whom the limiter admits; without a limiter, to everybody. */
export async function serve(limiter: GuardLimiter | undefined): Promise<Listening> {
  const mayPass =
    limiter &&
    nodeRateLimit(limiter, {
      // The demo stands for a proxy in front of the server, and names clients as one does.
      key: (request) => ipKey(clientIp(request, { trustedProxies: 1 })),
      skip: (request) => request.url === '/health',
    });
  const server = createServer((request, response) => {
    Promise.resolve(mayPass?.(request, response) ?? true)
      .then((isAllowed) => isAllowed && response.end('hello\n'))
      .catch((error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
