import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFaultProxy } from './fault-proxy.ts';
import type { FaultProxy } from './fault-proxy.ts';
import { gate, outcomeOf } from './gate.ts';
import type { Gate } from './gate.ts';
import { expectNoLeaks } from './leaks.ts';

let target: Server;
let proxy: FaultProxy;
let heard: Gate<void>;
const clients: Socket[] = [];

beforeAll(async () => {
  target = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => heard.open());
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(target, 'listening');
});

afterAll(() => {
  target.close();
});

beforeEach(async () => {
  heard = gate();
  proxy = await startFaultProxy({ target: { port: portOf(target) } });
});

afterEach(async () => {
  clients.splice(0).forEach((client) => client.destroy());
  await proxy.close();
});

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function open(): Promise<Socket> {
  const client = connect(proxy.port, '127.0.0.1');
  clients.push(client);
  await once(client, 'connect');
  return client;
}

async function echo(client: Socket, text: string): Promise<string> {
  client.write(text);
  const [bytes] = (await once(client, 'data')) as [Buffer];
  return bytes.toString();
}

describe('without faults', () => {
  it('passes on what it gets and counts it', async () => {
    const client = await open();
    expect(await echo(client, 'hello')).toBe('hello');
    expect(proxy.stats()).toEqual({ connections: 1, open: 1, upstreamBytes: 5, downstreamBytes: 5 });
  });

  it('passes on the end of a connection', async () => {
    const client = await open();
    client.end('last words');
    expect((await buffer(client)).toString()).toBe('last words');
  });

  it('resets a connection when the target cannot be reached', async () => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const lost = await startFaultProxy({ target: { port: portOf(gone) } });
    gone.close();
    const client = connect(lost.port, '127.0.0.1');
    await expect(once(client, 'end')).rejects.toThrow('ECONNRESET');
    await lost.close();
  });
});

describe('latency', () => {
  it('delays each way', async () => {
    const client = await open();
    proxy.set({ latencyMs: 30 });
    const start = performance.now();
    await echo(client, 'hello');
    expect(performance.now() - start).toBeGreaterThanOrEqual(60);
  });

  it('keeps order and loses nothing, whatever the jitter and the pieces', async () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat({ max: 3 }), fc.option(fc.constant(1e6)), async (sent, jitterMs, rate) => {
        proxy.set({ jitterMs, ...(rate === null ? {} : { bytesPerSecond: rate }) });
        const client = await open();
        const received = buffer(client);
        for (const piece of sent) client.write(piece);
        client.end();
        expect((await received).equals(Buffer.concat(sent))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

describe('black hole', () => {
  it('holds what goes to the target until it closes', async () => {
    const client = await open();
    proxy.set({ blackHole: 'upstream' });
    const answer = echo(client, 'hello');
    await open();
    expect(await outcomeOf(answer)).toEqual({ state: 'pending' });
    expect(proxy.stats().upstreamBytes).toBe(0);
    proxy.set();
    expect(await answer).toBe('hello');
  });

  it('holds the reply, so that the target has acted and the caller does not know', async () => {
    const client = await open();
    proxy.set({ blackHole: 'downstream' });
    const answer = echo(client, 'hello');
    await heard.promise;
    expect(await outcomeOf(answer)).toEqual({ state: 'pending' });
    expect(proxy.stats().downstreamBytes).toBe(0);
    proxy.set();
    expect(await answer).toBe('hello');
  });

  it('loses the reply for good when the connection is reset while it is held', async () => {
    const client = await open();
    proxy.set({ blackHole: 'both' });
    const answer = echo(client, 'hello');
    proxy.resetAll();
    await expect(answer).rejects.toThrow('ECONNRESET');
  });
});

describe('refusal and reset', () => {
  it('refuses new connections, keeps open ones, and accepts again on the same port', async () => {
    const client = await open();
    const { port } = proxy;
    proxy.refuse();
    await expect(open()).rejects.toThrow('ECONNREFUSED');
    expect(await echo(client, 'still here')).toBe('still here');
    await proxy.accept();
    expect(proxy.port).toBe(port);
    expect(await echo(await open(), 'again')).toBe('again');
  });

  it('resets the connections that are open', async () => {
    const client = await open();
    await echo(client, 'hello');
    proxy.resetAll();
    await expect(once(client, 'end')).rejects.toThrow('ECONNRESET');
  });
});

describe('cut of the reply', () => {
  it.each([0, 1, 4])('passes %i bytes of it and then ends the connection', async (cutReplyAfterBytes) => {
    const client = await open();
    await echo(client, 'before');
    proxy.set({ cutReplyAfterBytes });
    let received = '';
    client.on('data', (bytes: Buffer) => (received += bytes.toString()));
    client.write('hello');
    await once(client, 'end');
    expect(received).toBe('hello'.slice(0, cutReplyAfterBytes));
  });
});

describe('bandwidth', () => {
  it('passes no faster than it is told', async () => {
    const client = await open();
    proxy.set({ bytesPerSecond: 100_000 });
    const start = performance.now();
    client.end(Buffer.alloc(10_000));
    expect((await buffer(client)).length).toBe(10_000);
    expect(performance.now() - start).toBeGreaterThanOrEqual(100);
  });
});

describe('close', () => {
  it('leaves no connection and no port open, even with faults on', async () => {
    await expectNoLeaks(async () => {
      const own = await startFaultProxy({ target: { port: portOf(target) } });
      own.set({ blackHole: 'both', latencyMs: 5 });
      const client = connect(own.port, '127.0.0.1').on('error', () => {});
      await once(client, 'connect');
      client.write('hello');
      await own.close();
      expect(own.stats().open).toBe(0);
      client.destroy();
    });
  });
});
