/*
 * The database where no PostgreSQL can be started: PGlite in a process of its own, behind a socket. A connection is a
 * session as those of a server are; a transaction keeps the others waiting, because PGlite has one connection inside.
 */
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { PGlite } from '@electric-sql/pglite';
import type { LiteAnswer } from './connection.ts';
import { tell } from './messages.ts';

const lite = await PGlite.create();

/** The session whose transaction is open, and those who wait for its end, in order. */
let owner: Socket | undefined;
const queue: (() => void)[] = [];

function mayRun(socket: Socket): Promise<void> {
  if (owner === undefined || owner === socket) {
    owner = socket;
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    queue.push(() => {
      owner = socket;
      resolve();
    });
  });
}

function letNext(): void {
  owner = undefined;
  queue.shift()?.();
}

async function answer(text: string, params: unknown[]): Promise<LiteAnswer> {
  try {
    return { rows: (await lite.query<Record<string, unknown>>(text, params)).rows };
  } catch (error) {
    return { error: { message: (error as Error).message, code: (error as { code?: string }).code } };
  }
}

const ENDS = /^\s*(COMMIT|ROLLBACK)/i;

async function serve(socket: Socket): Promise<void> {
  let isInTransaction = false;
  socket.on('error', () => {});
  const lines = createInterface(socket);
  // A connection that is reset has no end.
  socket.once('close', () => lines.close());
  try {
    for await (const line of lines) {
      // The last line of a process that was killed may be half of one: then this ends here.
      const [text, params] = JSON.parse(line) as [string, unknown[]];
      if (!isInTransaction) await mayRun(socket);
      // What a client no longer waits for would only keep the others waiting.
      if (socket.destroyed) break;
      if (/^\s*BEGIN/i.test(text)) isInTransaction = true;
      const reply = await answer(text, params);
      if (ENDS.test(text)) isInTransaction = false;
      if (!isInTransaction) letNext();
      if (!socket.destroyed) socket.write(`${JSON.stringify(reply, plain)}\n`);
    }
  } finally {
    if (isInTransaction) await answer('ROLLBACK', []);
    if (owner === socket) letNext();
  }
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

const server = createServer((socket) => void serve(socket).catch(() => {}));
server.listen(Number(process.argv[2]), '127.0.0.1', () => tell({ type: 'listening' }));
