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
  for await (const line of lines) {
    const [text, params] = JSON.parse(line) as [string, unknown[]];
    if (!isInTransaction) await mayRun(socket);
    if (/^\s*BEGIN/i.test(text)) isInTransaction = true;
    const reply = JSON.stringify(await answer(text, params), (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    if (ENDS.test(text)) isInTransaction = false;
    if (!isInTransaction) letNext();
    if (!socket.destroyed) socket.write(`${reply}\n`);
  }
  if (!isInTransaction) return;
  await answer('ROLLBACK', []);
  letNext();
}

const server = createServer((socket) => void serve(socket).catch(() => {}));
server.listen(Number(process.argv[2]), '127.0.0.1', () => tell({ type: 'listening' }));
