import { afterEach, describe, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import type { BreakerRegistry, BreakerRegistryOptions } from '../../src/circuit-breaker/index.ts';
import { consecutiveFailures, createBreakerRegistry, timeWindow } from '../../src/circuit-breaker/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { anyKey, hostileKeys } from '../support/arbitraries.ts';
import { admitted, answer, errorOf, record, watchReports } from './kit.ts';

afterEach(() => void vi.unstubAllGlobals());

const clock = createVirtualClock();

function registry(options: Partial<BreakerRegistryOptions> = {}): BreakerRegistry {
  return createBreakerRegistry({
    create: () => ({ trip: consecutiveFailures(2), openDurationMs: 1000, clock }),
    ...options,
  });
}

const keysOf = (circuits: BreakerRegistry, keys: readonly string[]): string[] =>
  keys.filter((key) => circuits.peek(key) !== undefined);

describe('registry', () => {
  it('A registry keeps at most `maxKeys` circuits, and made-up keys never push out one that counts failures.', () => {
    const circuits = registry({ maxKeys: 3 });
    const failing = circuits.get('failing');
    record(failing, '-');
    for (let k = 0; k < 1000; k++) {
      circuits.get(`made up ${k}`);
      expect(circuits.size).toBeLessThanOrEqual(3);
    }
    expect(circuits.peek('failing')).toBe(failing);
    record(circuits.get('failing'), '-');
    expect([failing.state, circuits.size]).toEqual(['open', 3]);
  });

  it('With `idleAfterMs`, keys that failed and never came back make room for new ones.', () => {
    const circuits = registry({ maxKeys: 2, idleAfterMs: 5000, clock });
    record(circuits.get('failed'), '--');
    record(circuits.get('failing'), '-');
    clock.stall(4999);
    record(circuits.get('failing'), '+');
    record(circuits.get('failing'), '-');
    expect([circuits.get('new').isIdle, keysOf(circuits, ['failed', 'failing', 'new'])]).toEqual([
      true,
      ['failed', 'failing'],
    ]);
    clock.stall(1);
    circuits.get('new');
    expect(keysOf(circuits, ['failed', 'failing', 'new'])).toEqual(['failing', 'new']);
    expect(() => registry({ idleAfterMs: 0 })).toThrow('idleAfterMs must be a number of at least 1, got 0');
  });

  it('Any string is a key of its own, `__proto__`, the empty string and lone surrogates included.', async () => {
    const every = registry();
    for (const key of hostileKeys) record(every.get(key), '-');
    expect(every.size).toBe(hostileKeys.length);
    for (const key of hostileKeys) expect([every.get(key).name, every.get(key).stats().failures]).toEqual([key, 1]);
    fc.assert(
      fc.property(fc.uniqueArray(anyKey(), { maxLength: 20 }), (keys) => {
        const circuits = registry();
        const made = keys.map((key) => circuits.get(key));
        expect(new Set(made).size).toBe(keys.length);
        expect(keys.map((key) => circuits.get(key))).toEqual(made);
        expect(keys.map((key) => circuits.peek(key)?.name)).toEqual(keys);
        expect([circuits.size, keys.map((key) => circuits.delete(key)).includes(false)]).toEqual([keys.length, false]);
        expect(circuits.size).toBe(0);
      }),
    );
    const open = registry().get('__proto__');
    open.trip();
    expect(await errorOf(open.run(answer))).toMatchObject({ message: 'circuit __proto__ is open' });
  });

  it('makes a circuit once per key, named after it unless `create` says otherwise', () => {
    const asked: string[] = [];
    const circuits = registry({
      create: (key) => {
        asked.push(key);
        return { trip: consecutiveFailures(1), openDurationMs: 1, ...(key === 'b' ? { name: 'other' } : {}) };
      },
    });
    expect(circuits.get('a')).toBe(circuits.get('a'));
    expect([circuits.get('a').name, circuits.get('b').name, circuits.size]).toEqual(['a', 'other', 2]);
    expect(asked).toEqual(['a', 'b']);
  });

  it('peeks without making one, and deletes whatever the state', () => {
    const circuits = registry();
    expect([circuits.peek('a'), circuits.size, circuits.delete('a')]).toEqual([undefined, 0, false]);
    const first = circuits.get('a');
    first.trip();
    expect(circuits.peek('a')).toBe(first);
    expect([circuits.delete('a'), circuits.size, circuits.peek('a')]).toEqual([true, 0, undefined]);
    expect(circuits.get('a')).not.toBe(first);
    expect(first.state).toBe('open');
  });

  it('drops the one that was not used for longest; a look is no use', () => {
    const circuits = registry({ maxKeys: 3 });
    for (const key of ['a', 'b', 'c', 'a']) circuits.get(key);
    circuits.peek('b');
    circuits.get('d');
    expect(keysOf(circuits, ['a', 'b', 'c', 'd'])).toEqual(['a', 'c', 'd']);
    circuits.get('e');
    expect(keysOf(circuits, ['a', 'b', 'c', 'd', 'e'])).toEqual(['a', 'd', 'e']);
  });

  it('drops none that is open, failing, slow to answer or run by hand', () => {
    const told: string[] = [];
    const circuits = registry({ maxKeys: 5, onOverflow: (key) => void told.push(key) });
    circuits.get('open').trip();
    record(circuits.get('failing'), '-');
    const call = admitted(circuits.get('busy'));
    circuits.get('by hand').setMode('disabled');
    circuits.get('isolated').isolate();
    const kept = ['open', 'failing', 'busy', 'by hand', 'isolated'];
    circuits.get('new');
    expect([keysOf(circuits, [...kept, 'new']), told]).toEqual([kept, ['new']]);
    call.success();
    circuits.get('newer');
    expect(keysOf(circuits, [...kept, 'newer'])).toEqual(['open', 'failing', 'by hand', 'isolated', 'newer']);
    expect(told).toEqual(['new']);
  });

  it('gives a key a working circuit that is not kept where none makes room, and says so each time', async () => {
    const told: string[] = [];
    const circuits = registry({ maxKeys: 1, onOverflow: (key) => void told.push(key) });
    circuits.get('open').trip();
    const one = circuits.get('x');
    const two = circuits.get('x');
    expect(await one.run(answer)).toBe('answer');
    record(one, '--');
    expect([one.state, two.state, one.name]).toEqual(['open', 'closed', 'x']);
    expect([told, circuits.size, circuits.peek('x')]).toEqual([['x', 'x'], 1, undefined]);
    circuits.get('open').reset();
    const kept = circuits.get('x');
    expect([circuits.get('x') === kept, circuits.peek('open'), circuits.size]).toEqual([true, undefined, 1]);
    expect(told).toHaveLength(2);
  });

  it('keeps its answer when `onOverflow` throws', () => {
    const reports = watchReports();
    const circuits = registry({
      maxKeys: 1,
      onOverflow: () => {
        throw new Error('full');
      },
    });
    circuits.get('open').trip();
    expect(circuits.get('x').state).toBe('closed');
    expect(reports).toMatchObject([{ message: 'full' }]);
  });

  it('passes on what `create` throws, and drops nothing for it', () => {
    const circuits = registry({
      maxKeys: 1,
      create: (key) => {
        if (key === 'bad') throw new Error('no such host');
        return { trip: consecutiveFailures(1), openDurationMs: 1 };
      },
    });
    circuits.get('good');
    expect(() => circuits.get('bad')).toThrow('no such host');
    expect([circuits.size, circuits.peek('good') !== undefined]).toEqual([1, true]);
  });

  it('looks at sixteen circuits for each new key, and at others the next time', () => {
    const looks: string[] = [];
    const circuits = registry({
      maxKeys: 20,
      create: (key) => ({
        trip: consecutiveFailures(2),
        openDurationMs: 1,
        clock: { ...clock, now: () => looks.push(key) },
      }),
    });
    for (let k = 0; k < 20; k++) if (k !== 17) circuits.get(`${k}`).setMode('disabled');
    circuits.delete('19');
    circuits.get('17');
    circuits.get('19');
    looks.length = 0;
    // In order of use: 0 to 16, 18, 17, 19. None of the first sixteen makes room.
    circuits.get('new');
    expect([circuits.peek('new'), new Set(looks).size, looks.includes('16')]).toEqual([undefined, 16, false]);
    looks.length = 0;
    circuits.get('newer');
    expect([new Set(looks), circuits.peek('17')]).toEqual([new Set(['16', '18', '17']), undefined]);
    expect([circuits.peek('newer') !== undefined, circuits.size]).toEqual([true, 20]);
  });

  it('lets go of failures that have aged', () => {
    const circuits = registry({
      maxKeys: 1,
      create: () => ({ trip: timeWindow({ durationMs: 1000, failureThreshold: 2 }), openDurationMs: 1, clock }),
    });
    record(circuits.get('a'), '-');
    circuits.get('b');
    expect(keysOf(circuits, ['a', 'b'])).toEqual(['a']);
    clock.stall(1000);
    circuits.get('b');
    expect(keysOf(circuits, ['a', 'b'])).toEqual(['b']);
  });

  it('keeps a thousand where nothing else is said', () => {
    const circuits = registry();
    for (let k = 0; k < 1001; k++) circuits.get(`${k}`);
    expect([circuits.size, circuits.peek('0'), circuits.peek('1') === undefined]).toEqual([1000, undefined, false]);
  });
});
