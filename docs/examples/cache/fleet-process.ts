/*
 * The other process of the fleet: `node fleet-process.ts SOCKET`, the Unix socket of a Redis server. Reads what its
 * parent asks it to, and asks its parent, who is the origin, for what nobody has. Ends with it.
 */
import { endWithParent } from '../end-with-parent.ts';
import type { FromChild, ToChild } from './fleet-cache.ts';
import { joinFleet } from './fleet-cache.ts';

endWithParent();
const [path = ''] = process.argv.slice(2);
const loads = new Map<number, (version: number) => void>();
let asked = 0;

const send = (message: FromChild): void => void process.send?.(message);
const { cache } = await joinFleet(path, async (key) => {
  const id = ++asked;
  send({ load: id, key });
  return new Promise<number>((resolve) => void loads.set(id, resolve));
});

process.on('message', async (message: ToChild) => {
  if ('loaded' in message) {
    loads.get(message.loaded)?.(message.version);
    loads.delete(message.loaded);
  } else send({ read: message.read, version: await cache.getOrLoad(message.key) });
});
await cache.ready();
send({ isReady: true });
