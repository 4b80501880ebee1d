import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { connectRedis, parseReply, RedisReplyError } from './redis-client.ts';
import type { RedisReply } from './redis-client.ts';

function encode(reply: RedisReply): string {
  if (reply === null) return '$-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  return `*${reply.length}\r\n${reply.map(encode).join('')}`;
}

it('reads back every reply, and waits while any byte of it is missing', () => {
  const { reply } = fc.letrec<{ reply: RedisReply }>((tie) => ({
    reply: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: 'grapheme' }),
      fc.maxSafeInteger(),
      fc.constant(null),
      fc.array(tie('reply'), { maxLength: 4 }),
    ),
  }));
  fc.assert(
    fc.property(reply, fc.nat(), (value, cut) => {
      const bytes = Buffer.from(encode(value));
      expect(parseReply(bytes, 0)).toEqual({ value, end: bytes.length });
      expect(parseReply(bytes.subarray(0, cut % bytes.length), 0)).toBeUndefined();
    }),
  );
});

it('matches replies to commands in order, and rejects with an error reply', async () => {
  const server = createServer((socket) => void socket.end('+OK\r\n-ERR no\r\n:7\r\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectRedis((server.address() as AddressInfo).port);
  const replies = await Promise.allSettled([client.send(['A']), client.send(['B']), client.send(['C'])]);
  expect(replies).toEqual([
    { status: 'fulfilled', value: 'OK' },
    { status: 'rejected', reason: new RedisReplyError('ERR no') },
    { status: 'fulfilled', value: 7 },
  ]);
  server.close();
});

it('rejects what waits when the connection is lost, and what is sent afterwards', async () => {
  const server = createServer((socket) => void socket.resetAndDestroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectRedis((server.address() as AddressInfo).port);
  await expect(client.send(['PING'])).rejects.toThrow();
  expect(client.isClosed).toBe(true);
  await expect(client.send(['PING'])).rejects.toThrow('closed');
  server.close();
});
