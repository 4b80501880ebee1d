import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import pg from 'pg';
import type { SqlQuery, SqlValue } from '../../../src/postgres/index.ts';
import { limits } from './plan.ts';

/** One connection to the database. */
export interface Connection {
  readonly query: SqlQuery;
  /** Ends it, at once where the server does not answer. Resolves when the socket is closed. */
  end(): Promise<void>;
}

export interface Connecting {
  readonly name: string;
  readonly signal: AbortSignal;
  /** Called once, when the socket is closed, or destroyed from this side. */
  readonly onClosed: () => void;
}

/** A statement of which nobody knows what became of it, because its connection is gone or is given up. */
export class ConnectionLostError extends Error {
  readonly code = 'ECONNRESET';
}

/** Opens a connection to a PostgreSQL URL, or to PGlite behind `pglite:PORT`. */
export function openConnection(place: string, options: Connecting): Promise<Connection> {
  const isLite = place.startsWith('pglite:');
  return isLite ? openLite(Number(place.slice('pglite:'.length)), options) : openPg(place, options);
}

async function openPg(connectionString: string, { name, signal, onClosed }: Connecting): Promise<Connection> {
  const client = new pg.Client({ connectionString, query_timeout: limits.queryMs, application_name: name });
  // A lost connection is noticed by the next query; without a listener it would end the process.
  client.on('error', () => {});
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  const { cut, closed } = watchSocket(stream, onClosed);
  signal.addEventListener('abort', cut, { once: true });
  await client.connect().finally(() => signal.removeEventListener('abort', cut));
  return {
    query: async (text, params) => {
      try {
        return (await client.query(text, [...params])).rows as Record<string, unknown>[];
      } catch (error) {
        throw lossOf(error);
      }
    },
    end: () => {
      void client.end().catch(() => {});
      // Where the server is frozen, its half of a polite end never comes.
      setTimeout(cut, 50);
      return closed;
    },
  };
}

/** `onClosed` hears of the end once, whether it comes from here or from there. */
function watchSocket(socket: Socket, onClosed: () => void): { cut(): void; readonly closed: Promise<void> } {
  let cut = (): void => {};
  const closed = new Promise<void>((resolve) => {
    let isClosed = false;
    const note = (): void => {
      if (!isClosed) onClosed();
      isClosed = true;
      resolve();
    };
    socket.once('close', note);
    cut = () => {
      socket.destroy();
      note();
    };
  });
  return { cut, closed };
}

/** What PostgreSQL itself has answered carries a code of five characters; everything else is a broken connection. */
function lossOf(error: unknown): unknown {
  const { code } = error as { code?: string };
  const isAnswered = code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('08') && code !== '57P01';
  return isAnswered ? error : new ConnectionLostError(String(error), { cause: error });
}

interface Waiting {
  readonly resolve: (rows: readonly Record<string, unknown>[]) => void;
  readonly reject: (error: Error) => void;
}

/** What the process of PGlite answers: rows, or an error with its SQLSTATE. */
export interface LiteAnswer {
  readonly rows?: readonly Record<string, unknown>[];
  readonly error?: { readonly message: string; readonly code: string | undefined };
}

/** Statements go as lines of JSON, and are answered in order. */
async function openLite(port: number, { signal, onClosed }: Connecting): Promise<Connection> {
  const socket = connectSocket(port, '127.0.0.1');
  const waiting: Waiting[] = [];
  const { cut, closed } = watchSocket(socket, onClosed);
  signal.addEventListener('abort', cut, { once: true });
  socket.on('error', () => {});
  socket.once('close', () => {
    for (const { reject } of waiting.splice(0)) reject(new ConnectionLostError('the database hung up'));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('close', () => reject(new ConnectionLostError('the database cannot be reached')));
  }).finally(() => signal.removeEventListener('abort', cut));
  createInterface(socket).on('line', (line) => {
    const { rows, error } = JSON.parse(line) as LiteAnswer;
    const next = waiting.shift();
    if (rows) next?.resolve(rows);
    else next?.reject(Object.assign(new Error(error?.message), { code: error?.code }));
  });
  const query = (text: string, params: readonly SqlValue[]): Promise<readonly Record<string, unknown>[]> =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new ConnectionLostError('the connection is closed'));
      const timer = setTimeout(cut, limits.queryMs);
      waiting.push({
        resolve: (rows) => (clearTimeout(timer), resolve(rows)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      socket.write(`${JSON.stringify([text, params])}\n`);
    });
  const end = (): Promise<void> => {
    cut();
    return closed;
  };
  return { query, end };
}
