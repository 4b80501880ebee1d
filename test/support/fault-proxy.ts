import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createSeededRandom } from '../../src/testing/seeded-random.ts';
import { gate } from './gate.ts';
import type { Gate } from './gate.ts';
import { ProxyPipe } from './proxy-pipe.ts';

/** What goes wrong on the way. Every fault left out is off. */
export interface Faults {
  /** Delay of everything, each way. */
  readonly latencyMs?: number;
  /** At most this much more, drawn anew for each piece; order is kept. */
  readonly jitterMs?: number;
  /**
   * Holds what is sent and passes it on once the hole closes, as TCP does when packets are lost.
   * `upstream` is towards the target.
   */
  readonly blackHole?: 'upstream' | 'downstream' | 'both';
  /** Passes this many more bytes of reply on each connection, then ends it. */
  readonly cutReplyAfterBytes?: number;
  /** Bandwidth each way on each connection. */
  readonly bytesPerSecond?: number;
}

export interface FaultProxyOptions {
  readonly target: { readonly host?: string; readonly port: number };
  /** Draws the jitter. By default the same sequence in every run. */
  readonly random?: () => number;
}

export interface ProxyStats {
  /** Connections accepted so far. */
  readonly connections: number;
  /** Connections open now. */
  readonly open: number;
  /** Bytes passed to the target. */
  readonly upstreamBytes: number;
  /** Bytes passed to the clients. */
  readonly downstreamBytes: number;
}

/** A TCP proxy on a loopback port that does to a connection what networks do. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** Replaces all faults, for connections open now as well. Without an argument: none. */
  set(faults?: Faults): void;
  /** Refuses new connections (ECONNREFUSED) until {@link accept}. Open ones stay. */
  refuse(): void;
  /** Takes new connections again, on the same port. */
  accept(): Promise<void>;
  /** Resets (RST) every connection that is open now; what was on its way is lost. */
  resetAll(): void;
  stats(): ProxyStats;
  close(): Promise<void>;
}

/** Starts a {@link FaultProxy} without faults. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(options);
  await proxy.accept();
  return proxy;
}

class TcpFaultProxy implements FaultProxy {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #random: () => number;
  readonly #links = new Set<Link>();
  #server: Server | undefined;
  #port = 0;
  #faults: Faults = {};
  #changed: Gate<void> = gate();
  #connections = 0;
  #passed = { upstream: 0, downstream: 0 };

  constructor({ target, random = createSeededRandom(1) }: FaultProxyOptions) {
    this.#target = { host: '127.0.0.1', ...target };
    this.#random = random;
  }

  get port(): number {
    return this.#port;
  }

  set(faults: Faults = {}): void {
    this.#faults = faults;
    for (const link of this.#links) link.replyBytesLeft = faults.cutReplyAfterBytes;
    const changed = this.#changed;
    this.#changed = gate();
    changed.open();
  }

  async accept(): Promise<void> {
    if (this.#server) return;
    const server = createServer({ allowHalfOpen: true }, (client) => this.#connect(client));
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
  }

  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  resetAll(): void {
    for (const link of this.#links) link.reset();
  }

  stats(): ProxyStats {
    const { upstream, downstream } = this.#passed;
    return {
      connections: this.#connections,
      open: this.#links.size,
      upstreamBytes: upstream,
      downstreamBytes: downstream,
    };
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const ended = [...this.#links].map((link) => link.ended.promise);
    if (server) ended.push(new Promise((resolve) => server.close(() => resolve())));
    this.resetAll();
    await Promise.all(ended);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #connect(client: Socket): void {
    this.#connections++;
    const upstream = connect({ ...this.#target, allowHalfOpen: true });
    const link = new Link(client, upstream, () => void this.#links.delete(link));
    link.replyBytesLeft = this.#faults.cutReplyAfterBytes;
    this.#links.add(link);
    this.#pipe('upstream', client, upstream, link);
    this.#pipe('downstream', upstream, client, link);
  }

  #pipe(direction: 'upstream' | 'downstream', from: Socket, to: Socket, link: Link): void {
    new ProxyPipe(from, to, {
      delayMs: () => (this.#faults.latencyMs ?? 0) + (this.#faults.jitterMs ?? 0) * this.#random(),
      bytesPerSecond: () => this.#faults.bytesPerSecond,
      untilOpen: () => this.#untilOpen(direction, link),
      bytesLeft: () => (direction === 'downstream' ? link.replyBytesLeft : undefined),
      passed: (bytes) => {
        this.#passed[direction] += bytes;
        if (direction === 'downstream' && link.replyBytesLeft !== undefined) link.replyBytesLeft -= bytes;
      },
      cut: () => link.cut(),
    });
  }

  async #untilOpen(direction: 'upstream' | 'downstream', link: Link): Promise<void> {
    while (this.#faults.blackHole === direction || this.#faults.blackHole === 'both') {
      await Promise.race([this.#changed.promise, link.ended.promise]);
      if (link.ended.isSettled) return;
    }
  }
}

/** A client's connection and the one made to the target for it. */
class Link {
  readonly ended: Gate<void> = gate();
  replyBytesLeft: number | undefined;
  readonly #sockets: readonly Socket[];

  constructor(client: Socket, upstream: Socket, onEnd: () => void) {
    this.#sockets = [client, upstream];
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
      socket.on('close', () => {
        if (!this.#sockets.every((each) => each.destroyed)) return;
        this.ended.open();
        onEnd();
      });
    }
  }

  /** Ends rather than resets the client's side, because a reset may overtake the bytes before it. */
  cut(): void {
    const [client, upstream] = this.#sockets as [Socket, Socket];
    client.destroySoon();
    upstream.resetAndDestroy();
  }

  reset(): void {
    for (const socket of this.#sockets) {
      if (!socket.destroyed) socket.resetAndDestroy();
    }
  }
}
