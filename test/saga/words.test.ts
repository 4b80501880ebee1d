import { describe, expect, it } from 'vitest';
import type { LogEntry, LogEntryType } from '../../src/saga/index.ts';
import {
  createOutboxRelay,
  createSagaRunner,
  guard,
  LeaseLostError,
  memorySagaStore,
  saga,
  SagaCancelledError,
  SagaCompensatedError,
  SagaConflictError,
  SagaLockedError,
  SagaRefusal,
  SagaStuckError,
  SerializationError,
  StepTimeoutError,
  timeline,
} from '../../src/saga/index.ts';
import { bed } from './kit.ts';

describe('an error of a saga', () => {
  it.each<[string, () => Error]>([
    ['SagaRefusal: no', () => new SagaRefusal('no')],
    ['SagaLockedError: k is locked by saga x', () => new SagaLockedError('k', 'x')],
    ['SagaCompensatedError: saga x is undone: step a/b failed', () => new SagaCompensatedError('x', 'a/b', 1)],
    ['SagaCompensatedError: saga x is undone: it was cancelled', () => new SagaCompensatedError('x', '', 1)],
    ['SagaStuckError: saga x is stuck at a', () => new SagaStuckError('x', 'a', 1)],
    ['SagaCancelledError: cancelled: why', () => new SagaCancelledError('why')],
    ['SagaCancelledError: cancelled', () => new SagaCancelledError('')],
    ['SagaConflictError: saga x exists with another definition or input', () => new SagaConflictError('x')],
    ['LeaseLostError: this worker has no lease any more, or is closed', () => new LeaseLostError()],
    ['StepTimeoutError: step a took longer than 5 ms', () => new StepTimeoutError('a', 5)],
    ['SerializationError: a.b cannot be stored: it is a symbol', () => new SerializationError('a.b', 'it is a symbol')],
  ])('says what has happened: %s', (text, make) => {
    expect(String(make())).toBe(text);
  });
});

describe('a bad option', () => {
  const store = memorySagaStore();
  const runner = (part: object) => () => createSagaRunner({ store, sagas: [], ...part });
  const relay = (part: object) => () => createOutboxRelay({ store, publish: () => {}, ...part });
  const step = { run: () => 1 };

  it.each<[string, () => unknown]>([
    ['store must be a store of sagas, got ', runner({ store: null })],
    ['sagas must be an array of sagas, got ', runner({ sagas: {} })],
    ['sagas must be an array of sagas, got ', runner({ sagas: [undefined] })],
    ['sagas must be one definition for each name and version, got "a 1"', runner({ sagas: [saga('a'), saga('a')] })],
    ['tracer must be a tracer, got ', runner({ tracer: {} })],
    ['tracer must be a tracer, got ', runner({ tracer: null })],
    ['leaseMs must be a number of at least 1 and at most 2147483647, got 2147483648', runner({ leaseMs: 2 ** 31 })],
    ['pollMs must be a number of at least 1 and at most 2147483647, got 2147483648', runner({ pollMs: 2 ** 31 })],
    ['store must be a store of sagas with an outbox, got ', relay({ store: undefined })],
    ['publish must be a function, got ', relay({ publish: 1 })],
    ['pollMs must be a number of at least 1 and at most 2147483647, got 2147483648', relay({ pollMs: 2 ** 31 })],
    ['table must be a plain name, with a schema or without, got "a b"', () => guard(async () => [], { table: 'a b' })],
    ['a.ms must be a number of at least ', () => saga('s').sleep('a', 'x' as never)],
    ['step must be ', () => saga('s').step('a/b', step)],
    ['a branch of p must be ', () => saga('s').parallel('p', { 'a/b': step })],
    [
      'p/a.kind must be no pivot inside a group, got "pivot"',
      () => saga('s').parallel('p', { a: { ...step, kind: 'pivot' } as never }),
    ],
    [
      'p/a.atomic must be false inside a group, got true',
      () => saga('s').parallel('p', { a: { ...step, atomic: true } as never }),
    ],
  ])('is named with its rule and what it was: %s', (text, make) => {
    let message = '';
    try {
      make();
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.slice(0, text.length)).toBe(text);
  });

  it('is refused where it is an id or an event, too', async () => {
    const own = bed().runner([]);
    const rule = 'must be a well-formed text without U+0000';
    await expect(own.get('')).rejects.toThrow(`id ${rule}, of 1 to 255 characters, got ""`);
    await expect(own.get('x'.repeat(256))).rejects.toThrow(`id ${rule}, of 1 to 255`);
    expect(await own.get('x'.repeat(255))).toBeUndefined();
    await expect(own.get(5 as never)).rejects.toThrow(`id ${rule}`);
    await expect(own.signal('x', 'a\0')).rejects.toThrow(new RegExp(`^event ${rule.replace('+', '\\+')}, got`));
    await expect(own.cancel('x', '\ud800')).rejects.toThrow(`reason ${rule}`);
    // Where the definition asks for a wait: that step fails.
    const def = saga<number>('s').sleep('a', ({ input }) => input);
    for (const ms of [Number.NaN, Infinity]) {
      const error = await def.run(ms).catch((thrown: unknown) => (thrown as Error).cause);
      expect(String(error)).toBe(`RangeError: a.ms must be a number, got ${ms}`);
    }
  });
});

describe('the timeline of a saga', () => {
  it('has a word for each kind of entry', () => {
    const types: readonly LogEntryType[] = [
      'completed',
      'skipped',
      'failed',
      'unknown',
      'decided',
      'waiting',
      'compensating',
      'compensated',
      'compensation-failed',
      'stuck',
      'retried',
      'resolved',
    ];
    const log = types.map((type, seq): LogEntry => ({
      seq,
      type,
      path: 'a',
      attempt: 1,
      data: null,
      fence: 1,
      atMs: 0,
    }));
    expect(timeline(log).replaceAll('+0 ms  a  ', '').split('\n')).toEqual([
      'done',
      'left out',
      'failed',
      'interrupted, outcome unknown',
      'decided',
      'waits',
      'turns back',
      'undone',
      'undoing failed',
      'stuck',
      'retried by hand',
      'resolved by hand',
    ]);
  });

  it('shows sixty characters of a value, and of a longer one as many with the mark', () => {
    const text = (length: number): string => {
      const data = JSON.stringify('x'.repeat(length - 2));
      return timeline([{ seq: 0, type: 'completed', path: 'a', attempt: 1, data, fence: 1, atMs: 0 }]).slice(16);
    };
    expect(text(60)).toBe(`"${'x'.repeat(58)}"`);
    expect(text(61)).toBe(`"${'x'.repeat(58)}…`);
  });
});

describe('an error that was stored', () => {
  it('has its name, message and code again, and whatever was thrown instead of one, or cannot be shown, its text', async () => {
    const own = bed();
    const thrown: readonly (readonly [unknown, object])[] = [
      [Object.assign(new RangeError('far'), { code: 'E_FAR' }), { name: 'RangeError', message: 'far', code: 'E_FAR' }],
      [Object.assign(new Error('n'), { code: 5 }), { name: 'Error', message: 'n', code: '5' }],
      ['text', { name: 'Error', message: 'text' }],
      [undefined, { name: 'Error', message: 'undefined' }],
      [{ message: 'bare' }, { name: 'Error', message: 'bare' }],
      [
        {
          message: {
            toString: () => {
              throw new Error('never');
            },
          },
        },
        { name: 'Error', message: 'a value that cannot be shown' },
      ],
    ];
    for (const [k, [error, told]] of thrown.entries()) {
      const def = saga(`order ${k}`).step('a', {
        run: () => {
          throw error;
        },
        isAmbiguous: () => false,
      });
      await (await own.runner([def]).start(def, undefined, { id: `x${k}` })).result().catch(() => {});
      const heard = await own
        .runner([])
        .handle(`x${k}`)
        .result()
        .catch((each: unknown) => (each as Error).cause);
      expect(heard).toBeInstanceOf(Error);
      expect(heard).toMatchObject(told);
      expect('code' in (heard as object)).toBe('code' in told);
      expect(Object.keys(heard as object)).toEqual('code' in told ? ['code'] : []);
    }
  });
});

describe('an input', () => {
  it('is the same whatever order its keys are in, and another one where any value, kind or number of them differs', async () => {
    const own = bed();
    const def = saga<unknown>('order').step('a', { run: () => 1 });
    const runner = own.runner([def as never]);
    const start = (input: unknown) => runner.start(def, input, { id: 'x' });
    await start({ a: 1, b: { c: [1, 2], d: null } });
    await start({ b: { d: null, c: [1, 2] }, a: 1 });
    for (const other of [
      { a: 1, b: { c: [1, 3], d: null } },
      { a: 1, b: { c: { 0: 1, 1: 2 }, d: null } },
      { a: 1, b: { c: [1, 2], d: null }, e: 1 },
      { a: 1, b: { c: [1, 2], e: null } },
      { a: 1, b: 5 },
      { a: 1, b: null },
      [1],
      5,
      null,
    ]) {
      await expect(start(other)).rejects.toMatchObject({ code: 'ERR_SAGA_CONFLICT' });
    }
  });
});
