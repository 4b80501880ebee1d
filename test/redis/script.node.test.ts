import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../src/core/errors.ts';
import type { RedisSend } from '../../src/redis/client.ts';
import { callRedis, runScript } from '../../src/redis/script.ts';
import { sha1 } from '../../src/redis/sha1.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import { expectNoLeaks } from '../support/leaks.ts';

const lua = 'return 1';
const hash = createHash('sha1').update(lua).digest('hex');
const bounds = { timeoutMs: 1000 };

/** A server that knows a script once it got it in full, and keeps what it was sent. */
function scriptServer(noscript = 'NOSCRIPT No matching script. Please use EVAL.'): {
  send: RedisSend;
  sent: (readonly string[])[];
} {
  const sent: (readonly string[])[] = [];
  let isKnown = false;
  return {
    sent,
    send: async (command) => {
      sent.push(command);
      if (command[0] === 'EVAL') isKnown = true;
      if (!isKnown) throw new Error(noscript);
      return 'done';
    },
  };
}

describe('sha1', () => {
  it('equals the hash of the runtime for every ASCII text', () => {
    const ascii = fc.array(fc.integer({ min: 0, max: 0x7f }), { maxLength: 200 });
    fc.assert(
      fc.property(ascii, (codes) => {
        const text = String.fromCharCode(...codes);
        expect(sha1(text)).toBe(createHash('sha1').update(text).digest('hex'));
      }),
    );
    for (let length = 50; length < 70; length++) {
      expect(sha1('a'.repeat(length))).toBe(createHash('sha1').update('a'.repeat(length)).digest('hex'));
    }
  });
});

describe('runScript', () => {
  it.each(['NOSCRIPT No matching script. Please use EVAL.', '- NoScriptError: No matching script'])(
    'sends the hash, and the script in full only where the server does not know it: %s',
    async (noscript) => {
      const { send, sent } = scriptServer(noscript);
      expect(await runScript(send, { lua: () => lua }, ['k'], ['a', 'b'], bounds)).toBe('done');
      expect(await runScript(send, { lua: () => lua }, ['k'], [], bounds)).toBe('done');
      expect(sent).toEqual([
        ['EVALSHA', hash, '1', 'k', 'a', 'b'],
        ['EVAL', lua, '1', 'k', 'a', 'b'],
        ['EVALSHA', hash, '1', 'k'],
      ]);
    },
  );

  it('passes on every other error, of the first send and of the second, thrown at once or later', async () => {
    const failure = new Error('ERR no');
    const atOnce: RedisSend = () => {
      throw failure;
    };
    await expect(runScript(atOnce, { lua: () => lua }, ['k'], [], bounds)).rejects.toBe(failure);
    const inFull: RedisSend = ([name]) => Promise.reject(name === 'EVAL' ? failure : new Error('NOSCRIPT'));
    await expect(runScript(inFull, { lua: () => lua }, ['k'], [], bounds)).rejects.toBe(failure);
    await expect(runScript(() => Promise.reject(undefined), { lua: () => lua }, ['k'], [], bounds)).rejects.toBe(
      undefined,
    );
  });

  it('sends nothing more once its deadline has passed', async () => {
    const clock = createVirtualClock();
    const reply = gate<unknown>();
    const names: string[] = [];
    const call = runScript((command) => (names.push(command[0]!), reply.promise), { lua: () => lua }, ['k'], [], {
      timeoutMs: 50,
      clock,
    });
    const outcome = outcomeOf(call);
    await clock.advance(50);
    expect(await outcome).toMatchObject({ state: 'rejected', reason: { code: 'ERR_STORE_TIMEOUT' } });
    reply.fail(new Error('NOSCRIPT'));
    await flush();
    expect(names).toEqual(['EVALSHA']);
  });
});

describe('callRedis', () => {
  it('rejects at its deadline, not before, when nothing answers', async () => {
    const clock = createVirtualClock();
    const call = callRedis(() => new Promise(() => {}), ['PING'], 'k', { timeoutMs: 50, clock });
    await clock.advance(49);
    expect((await outcomeOf(call)).state).toBe('pending');
    const outcome = outcomeOf(call);
    await clock.advance(1);
    const { reason } = (await outcome) as { reason: unknown };
    expect(isHoldfastError(reason, 'ERR_STORE_TIMEOUT')).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('sends nothing for a signal that has aborted, and ends with its reason when it aborts', async () => {
    const clock = createVirtualClock();
    let sends = 0;
    const send: RedisSend = () => (sends++, new Promise(() => {}));
    const reason = { why: 'enough' };
    await expect(callRedis(send, ['PING'], 'k', { ...bounds, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(sends).toBe(0);
    const controller = new AbortController();
    const call = callRedis(send, ['PING'], 'k', { ...bounds, clock, signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect([sends, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('leaves no timer, listener or unhandled rejection behind, however it ends', async () => {
    await expectNoLeaks(async (signals) => {
      const late = gate<unknown>();
      const ends: RedisSend[] = [async () => 1, () => Promise.reject(new Error('no')), () => late.promise];
      for (const send of ends) {
        await callRedis(send, ['PING'], 'k', { timeoutMs: 5, signal: signals.signal }).catch(() => {});
      }
      late.fail(new Error('too late'));
    });
  });
});
