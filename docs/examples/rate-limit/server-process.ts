/*
 * One of the processes that share a limit: `node server-process.ts SOCKET`, the Unix socket of a Redis server.
 * Sends its parent the address it listens at, and ends with it.
 */
import { createClient } from 'redis';
import { fromNodeRedis, redisRateLimiter } from '../../../src/redis/index.ts';
import { endWithParent } from '../end-with-parent.ts';
import { policy, serve } from './server.ts';

endWithParent();
const [path = ''] = process.argv.slice(2);
const client = createClient({ socket: { path, tls: false } });
client.on('error', (error) => console.error(String(error)));
await client.connect();
const { url } = await serve(redisRateLimiter(fromNodeRedis(client), policy));
process.send?.(url);
