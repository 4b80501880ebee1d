import { describe, expect, it } from 'vitest';
import type { Saga, SagaStore } from '../../src/saga/index.ts';
import { createSagaRunner, memorySagaStore, saga } from '../../src/saga/index.ts';

type Any = Saga<unknown, unknown> & Record<string, (...args: never[]) => unknown>;
const open = (name = 'order'): Any => saga<unknown>(name) as unknown as Any;
const step = (part: object = {}): never => ({ run: () => 1, ...part }) as never;
const pivot = (): Any => open().step('p', step({ kind: 'pivot' })) as unknown as Any;
const undo = { compensate: () => {} };

describe('a definition', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a name that is empty', () => saga(''), /^name must be/],
    ['a name with a slash', () => saga('a/b'), /^name must be/],
    ['a name that is no text', () => saga(5 as never), /^name must be/],
    ['a step called __proto__', () => open().step('__proto__', step()), /^step must be/],
    ['a step with a lone surrogate', () => open().step('\ud800', step()), /^step must be/],
    [
      'two steps of one name',
      () => (open().step('a', step()) as unknown as Any).sleep('a', 1),
      /^step must be a name that no other/,
    ],
    ['a version that is no number', () => saga('a', { version: 1.5 }), /^version must be/],
    ['a step without run', () => open().step('a', {} as never), /^a.run must be a function/],
    ['no step', () => open().step('a', undefined as never), /^a.run must be a function/],
    [
      'a compensation that is none',
      () => open().step('a', step({ compensate: 1 })),
      /^a.compensate must be a function/,
    ],
    ['a kind that is none', () => open().step('a', step({ kind: 'x' })), /^a.kind must be one of/],
    ['a time limit of 0', () => open().step('a', step({ timeoutMs: 0 })), /^a.timeoutMs must be/],
    [
      'a time limit that is no number',
      () => open().step('a', step({ compensationTimeoutMs: NaN })),
      /^a.compensationTimeoutMs/,
    ],
    ['no attempts', () => open().step('a', step({ retry: { maxAttempts: 0 } })), /^a.retry.maxAttempts must be/],
    [
      'a factor below 1',
      () => open().step('a', step({ compensationRetry: { factor: 0.5 } })),
      /^a.compensationRetry.factor/,
    ],
    ['a negative delay', () => open().step('a', step({ retry: { baseDelayMs: -1 } })), /^a.retry.baseDelayMs/],
    ['jitter that is none', () => open().step('a', step({ retry: { jitter: 'x' } })), /^a.retry.jitter/],
    ['a rule that is no function', () => open().step('a', step({ retry: { retryIf: 1 } })), /^a.retry.retryIf/],
    ['an end that is none', () => open().step('a', step({ onExhausted: 'x' })), /^a.onExhausted must be one of/],
    ['a condition that is no function', () => open().when('a', 1 as never, step()), /^a.test must be/],
    ['items that are no function', () => open().each('a', step({ key: String }) as never), /^a.items must be/],
    [
      'no lanes',
      () => open().each('a', step({ key: String, items: () => [], concurrency: 0 }) as never),
      /^a.concurrency/,
    ],
    [
      'an order that is none',
      () => open().parallel('a', {}, { compensation: 'x' as never }),
      /^a.compensation must be/,
    ],
    [
      'a compensation in a group of a child after the pivot',
      () => pivot().child('a', open().parallel('g', { b: step(undo) }) as never, () => 1 as never),
      /^b\.compensate must be/,
    ],
    [
      'a compensation after a child that ends with a retriable group',
      () =>
        (
          open().child(
            'a',
            open().parallel('g', { b: step({ kind: 'retriable' }) }) as never,
            () => 1 as never,
          ) as unknown as Any
        ).step('c', step(undo)),
      /^c.* must be/,
    ],
    ['a child that is none', () => open().child('a', {} as never, () => 1 as never), /^a must be a saga/],
    ['a sleep that is none', () => open().sleep('a', -1), /^a.ms must be/],
    ['a name of 201 characters', () => saga('a'.repeat(201)), /^name must be/],
    ['a rule of a saga that is no function', () => saga('a', { isAmbiguous: 1 as never }), /^isAmbiguous must be/],
    [
      'a rule of a step that is no function',
      () => open().step('a', step({ isAmbiguous: 1 })),
      /^a.isAmbiguous must be/,
    ],
    ['a negative cap', () => open().step('a', step({ retry: { maxDelayMs: -1 } })), /^a.retry.maxDelayMs/],
    ['a time limit below 1', () => open().step('a', step({ timeoutMs: 0.5 })), /^a.timeoutMs must be/],
    ['a child without a function of its input', () => open().child('a', saga('b'), 1 as never), /^a.input must be/],
    ['keys that are no function', () => open().each('a', step({ items: () => [] }) as never), /^a.key must be/],
    ['a sleep without end', () => open().sleep('a', Infinity), /^a.ms must be/],
    ['a wait of less than nothing', () => open().event('a', { timeoutMs: -1 }), /^a.timeoutMs must be/],
    ['a parser that is none', () => open().event('a', { parse: 1 as never }), /^a.parse must be/],
  ])('refuses %s by name', (_name, build, message) => {
    expect(build).toThrow(message);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['a second pivot', () => pivot().step('a', step({ kind: 'pivot' })), /^a.kind must be one of retriable/],
    ['a compensation after the pivot', () => pivot().step('a', step(undo)), /^a.compensate must be absent/],
    [
      'a compensatable step after the pivot',
      () => pivot().step('a', step({ kind: 'compensatable' })),
      /^a.kind must be/,
    ],
    [
      'a compensation of a retriable step',
      () => open().step('a', step({ kind: 'retriable', ...undo })),
      /^a.compensate must be absent/,
    ],
    [
      'a step to be undone after a retriable one',
      () => (open().step('a', step({ kind: 'retriable' })) as unknown as Any).step('b', step(undo)),
      /^b.compensate/,
    ],
    ['a branch to be undone after the pivot', () => pivot().parallel('a', { b: step(undo) }), /^a\/b.compensate/],
    [
      'an item to be undone after the pivot',
      () => pivot().each('a', step({ items: () => [], key: String, ...undo }) as never),
      /^a.compensate/,
    ],
    [
      'a child with a pivot after the pivot',
      () => pivot().child('a', pivot() as never, () => 1 as never),
      /^p.kind must be/,
    ],
    [
      'a child to be undone after the pivot',
      () => pivot().child('a', open().step('b', step(undo)) as never, () => 1 as never),
      /^b.compensate/,
    ],
    [
      'what would have to be undone after a child with the pivot',
      () => (open().child('a', pivot() as never, () => 1 as never) as unknown as Any).step('b', step(undo)),
      /^b.compensate/,
    ],
    [
      'a pivot inside a group',
      () => open().parallel('a', { b: step({ kind: 'pivot' }) }),
      /^a\/b.kind must be no pivot/,
    ],
    [
      'branches of two kinds',
      () => open().parallel('a', { b: step(), c: step({ kind: 'retriable' }) }),
      /^a\/c.kind must be/,
    ],
    [
      'an atomic step inside a group',
      () => open().parallel('a', { b: step({ atomic: true }) }),
      /^a\/b.atomic must be/,
    ],
  ])('refuses %s when it is built', (_name, build, message) => {
    expect(build).toThrow(message);
  });
});

describe('run', () => {
  it('rejects what needs a store, wherever it stands, and calls nothing', async () => {
    let calls = 0;
    const first = open().step('z', step({ run: () => ++calls })) as unknown as Any;
    const waits = first.event('a') as unknown as Any;
    const needy = [
      waits,
      waits.step('b', step()),
      first.step('a', step({ atomic: true })),
      first.when('a', (() => true) as never, step({ atomic: true })),
      first.child('a', open('inner').event('b') as never, (() => 1) as never),
    ] as Saga<unknown, unknown>[];
    for (const def of needy) {
      expect(def.needsStore).toBe(true);
      await expect(def.run(1)).rejects.toThrow('has events or atomic steps');
    }
    expect([calls, (first as Saga<unknown, unknown>).needsStore]).toEqual([0, false]);
  });
});

describe('options', () => {
  const good = { store: memorySagaStore(), sagas: [] };
  it.each<[object, RegExp]>([
    [{ store: {} as SagaStore }, /^store must be/],
    [{ sagas: {} }, /^sagas must be/],
    [{ sagas: [{}] }, /^sagas must be/],
    [{ sagas: [saga('a'), saga('a')] }, /^sagas must be one definition/],
    [{ leaseMs: 0 }, /^leaseMs must be/],
    [{ heartbeatMs: 30_001 }, /^heartbeatMs must be/],
    [{ pollMs: 0 }, /^pollMs must be/],
    [{ concurrency: 0 }, /^concurrency must be/],
    [{ maxRecoveries: 0 }, /^maxRecoveries must be/],
    [{ abandonMs: -1 }, /^abandonMs must be/],
    [{ onEvent: 1 }, /^onEvent must be/],
  ])('of a runner that are out of their bounds are refused by name: %o', (part, message) => {
    expect(() => createSagaRunner({ ...good, ...part })).toThrow(message);
  });

  it('are read without a clock, a timer, chance or a call of the store', () => {
    const never = (): never => {
      throw new Error('must not be called');
    };
    const clock = { now: never, epochMs: never, setTimeout: never, clearTimeout: never };
    const store = new Proxy(memorySagaStore({ clock, random: never }), {
      get: (target, verb) => (verb === 'enlist' ? never : Reflect.get(target, verb)),
    });
    expect(() => createSagaRunner({ store, sagas: [saga('a')], clock, random: never })).not.toThrow();
  });
});
