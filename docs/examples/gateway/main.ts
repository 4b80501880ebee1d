/*
 * A gateway in front of three servers, of which one becomes slow and one dies: clients see neither.
 * `npm run demo -- gateway`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalServer } from '../local-server.ts';
import { serveLocally } from '../local-server.ts';
import { Promises } from '../promises.ts';
import { createGateway } from './gateway.ts';

const OPEN_MS = 300;
const CLIENTS = 10;

class Shop {
  served = 0;
  delayMs = 5;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  open(): Promise<LocalServer> {
    return serveLocally((_, response) => {
      this.served++;
      setTimeout(() => response.end(this.name), this.delayMs);
    });
  }
}

/** Runs the example. Resolves with its exit code. */
export async function main(): Promise<number> {
  const promises = new Promises();
  const shops = ['a', 'b', 'c'].map((name) => new Shop(name));
  const [a, b, c] = shops as [Shop, Shop, Shop];
  const open = await Promise.all(shops.map((shop) => shop.open()));
  const gateway = createGateway({
    servers: shops.map(({ name }, k) => ({ id: name, url: open[k]!.url })),
    timeoutMs: 1_000,
    openMs: OPEN_MS,
    limit: 100,
  });
  await using door = await serveLocally(gateway.listener);
  try {
    const served = (): string => shops.map(({ name, served: count }) => `${name} ${count}`).join(', ');
    const well = await round(door.url, 10);
    promises.promise('all three share the work', well === 100 && shops.every((shop) => shop.served >= 10), served());

    a.delayMs = 100;
    const before = a.served;
    const slow = await round(door.url, 10);
    const share = a.served - before;
    promises.promise(
      'a slow server gets less, and all are answered',
      slow === 100 && share < 33,
      `${share} of 100 to it`,
    );
    a.delayMs = 5;

    await open[1]![Symbol.asyncDispose]();
    const dead = await round(door.url, 10);
    promises.promise('nobody sees that one is dead', dead === 100, `its circuit is ${gateway.stateOf('b')}`);
    // The dead one was asked until its circuit opened; nothing but trials goes there now.
    promises.promise('the dead one is left alone', gateway.stateOf('b') !== 'closed', served());

    await open[2]![Symbol.asyncDispose]();
    await open[0]![Symbol.asyncDispose]();
    const none = await fetch(`${door.url}/`, { headers: { 'x-api-key': 'last' } });
    promises.promise('without servers, an answer comes at once', none.status === 503 && b.served + c.served > 0);
    await sleep(0);
  } finally {
    await Promise.all(open.map((server) => server[Symbol.asyncDispose]()));
  }
  const statuses = await greedy();
  promises.promise('a client who asks too often is told when to come again', statuses.includes(429));
  return promises.close();
}

/** Each client asks so often, one request after the other. Answers how many were served. */
async function round(url: string, times: number): Promise<number> {
  let ok = 0;
  const client = async (key: string): Promise<void> => {
    for (let k = 0; k < times; k++) {
      const response = await fetch(`${url}/`, { headers: { 'x-api-key': key } });
      await response.text();
      if (response.ok) ok++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, k) => client(`client-${k}`)));
  return ok;
}

async function greedy(): Promise<readonly number[]> {
  const shop = new Shop('d');
  await using server = await shop.open();
  const { listener } = createGateway({
    servers: [{ id: 'd', url: server.url }],
    timeoutMs: 1_000,
    openMs: OPEN_MS,
    limit: 2,
  });
  await using door = await serveLocally(listener);
  const statuses: number[] = [];
  for (let k = 0; k < 10; k++) {
    const response = await fetch(door.url, { headers: { 'x-api-key': 'greedy' } });
    await response.text();
    statuses.push(response.status);
  }
  return statuses;
}
