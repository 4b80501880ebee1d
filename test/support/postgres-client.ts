import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A row by column name, every value as PostgreSQL writes it. */
export type PostgresRow = Readonly<Record<string, string | null>>;

/** An error reply of the server. */
export class PostgresReplyError extends Error {
  /** SQLSTATE, for example `23505`. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }

  override get name(): string {
    return 'PostgresReplyError';
  }
}

export interface PostgresLogin {
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/**
 * Runs SQL, one statement or several in one transaction, on a connection of its own and resolves
 * with the rows of the last statement that has any. Enough for test helpers, with no package to
 * install: no parameters, no password.
 */
export async function queryPostgres(login: PostgresLogin, sql: string): Promise<readonly PostgresRow[]> {
  const socket = connect(login.port, '127.0.0.1').setNoDelay(true);
  try {
    await once(socket, 'connect');
    socket.write(startup(login));
    const reader = messages(socket);
    await collect(reader);
    socket.write(message('Q', text(sql)));
    return await collect(reader);
  } finally {
    if (!socket.destroyed) socket.end(message('X', Buffer.alloc(0)));
  }
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function message(kind: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(kind), int32(body.length + 4), body]);
}

function startup({ user, database }: PostgresLogin): Buffer {
  const settings = ['user', user, 'database', database].map(text);
  // Protocol 3.0: https://www.postgresql.org/docs/current/protocol-message-formats.html
  const body = Buffer.concat([int32(3 << 16), ...settings, Buffer.from([0])]);
  return Buffer.concat([int32(body.length + 4), body]);
}

interface Message {
  readonly kind: string;
  readonly body: Buffer;
}

async function* messages(socket: Socket): AsyncGenerator<Message, never> {
  let rest = Buffer.alloc(0);
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const end = rest.readInt32BE(1) + 1;
      yield { kind: String.fromCharCode(rest[0] as number), body: rest.subarray(5, end) };
      rest = rest.subarray(end);
    }
  }
  throw new Error('the connection to PostgreSQL has ended');
}

/** Reads until the server is ready for the next query. */
async function collect(reader: AsyncGenerator<Message, never>): Promise<readonly PostgresRow[]> {
  let columns: readonly string[] = [];
  let rows: PostgresRow[] = [];
  let failure: PostgresReplyError | undefined;
  for (;;) {
    const { value } = await reader.next();
    if (value.kind === 'Z' && failure) throw failure;
    if (value.kind === 'Z') return rows;
    if (value.kind === 'T') [columns, rows] = [columnNames(value.body), []];
    if (value.kind === 'D') rows.push(row(columns, value.body));
    if (value.kind !== 'E') continue;
    const error = replyError(value.body);
    // A fatal error is followed by the end of the connection, not by another message.
    if (error.message.startsWith('FATAL')) throw error;
    failure ??= error;
  }
}

function columnNames(body: Buffer): readonly string[] {
  const names: string[] = [];
  for (let at = 2, k = body.readInt16BE(0); k > 0; k--) {
    const end = body.indexOf(0, at);
    names.push(body.toString('utf8', at, end));
    at = end + 19;
  }
  return names;
}

function row(columns: readonly string[], body: Buffer): PostgresRow {
  let at = 2;
  const values = columns.map((name): [string, string | null] => {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) return [name, null];
    at += length;
    return [name, body.toString('utf8', at - length, at)];
  });
  return Object.fromEntries(values);
}

function replyError(body: Buffer): PostgresReplyError {
  const fields = body.toString('utf8').split('\0');
  const field = (kind: string): string => fields.find((each) => each.startsWith(kind))?.slice(1) ?? '';
  return new PostgresReplyError(`${field('V')}: ${field('M')}`, field('C'));
}
