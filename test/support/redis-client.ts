import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { gate } from './gate.ts';
import type { Gate } from './gate.ts';

export type RedisReply = string | number | null | readonly RedisReply[];

/** The server's `-ERR ...` reply. */
export class RedisReplyError extends Error {
  override get name(): string {
    return 'RedisReplyError';
  }
}

/** One connection to a Redis server: enough for test helpers, with no package to install. */
export interface RedisClient {
  /** Sends a command. Rejects with {@link RedisReplyError}, or when the connection is lost. */
  send(command: readonly string[]): Promise<RedisReply>;
  /** Whether the connection has been lost or closed. */
  readonly isClosed: boolean;
  close(): void;
}

/** Creates a {@link RedisClient}; what is sent before the connection stands goes out when it does. */
export function connectRedis(port: number, host = '127.0.0.1'): RedisClient {
  return new SocketClient(connect(port, host));
}

class SocketClient implements RedisClient {
  readonly #socket: Socket;
  readonly #waiting: Gate<RedisReply>[] = [];
  #buffer = Buffer.alloc(0);
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the connection to Redis has ended')));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(command: readonly string[]): Promise<RedisReply> {
    if (this.#isClosed) return Promise.reject(new Error('the connection to Redis is closed'));
    const waiter = gate<RedisReply>();
    this.#waiting.push(waiter);
    const parts = command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.#socket.write(`*${command.length}\r\n${parts.join('')}`);
    return waiter.promise;
  }

  close(): void {
    this.#end(new Error('the connection to Redis was closed'));
    this.#socket.destroy();
  }

  #end(error: Error): void {
    this.#isClosed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.fail(error);
  }

  #read(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    for (let parsed = parseReply(this.#buffer, 0); parsed; parsed = parseReply(this.#buffer, 0)) {
      this.#buffer = this.#buffer.subarray(parsed.end);
      const waiter = this.#waiting.shift();
      if (parsed.value instanceof Error) waiter?.fail(parsed.value);
      else waiter?.open(parsed.value);
    }
  }
}

interface Parsed {
  readonly value: RedisReply | RedisReplyError;
  /** Where the next reply starts. */
  readonly end: number;
}

/** Reads one RESP2 reply; `undefined` while it is not complete. */
export function parseReply(buffer: Buffer, start: number): Parsed | undefined {
  const lineEnd = buffer.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const text = buffer.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(buffer[start] ?? 0)) {
    case '+':
      return { value: text, end };
    case '-':
      return { value: new RedisReplyError(text), end };
    case ':':
      return { value: Number(text), end };
    case '$':
      return parseBulk(buffer, end, Number(text));
    case '*':
      return parseArray(buffer, end, Number(text));
    default:
      throw new Error(`not a RESP2 reply: ${JSON.stringify(buffer.toString('utf8', start, lineEnd))}`);
  }
}

function parseBulk(buffer: Buffer, start: number, length: number): Parsed | undefined {
  if (length < 0) return { value: null, end: start };
  if (buffer.length < start + length + 2) return undefined;
  return { value: buffer.toString('utf8', start, start + length), end: start + length + 2 };
}

function parseArray(buffer: Buffer, start: number, length: number): Parsed | undefined {
  if (length < 0) return { value: null, end: start };
  const values: RedisReply[] = [];
  let end = start;
  for (let k = 0; k < length; k++) {
    const item = parseReply(buffer, end);
    if (!item) return undefined;
    // An error inside an array, as EXEC gives, is shown as its text.
    values.push(item.value instanceof Error ? item.value.message : item.value);
    end = item.end;
  }
  return { value: values, end };
}
