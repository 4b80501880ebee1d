import { afterEach, describe, expect, it, vi } from 'vitest';
import { emit, guarded, HoldfastError, isHoldfastError, isRejection, reportError } from '../../src/core/errors.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { flush } from '../support/gate.ts';

class SmallError extends HoldfastError {
  readonly limit: number;

  constructor(limit: number) {
    super('ERR_TIMEOUT', `limit ${limit}`);
    this.limit = limit;
  }

  override get name(): string {
    return 'SmallError';
  }
}

function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const engine = Error as { stackTraceLimit?: number };

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('HoldfastError', () => {
  it('is an Error with a code, a message, a name and a cause', () => {
    const cause = new Error('why');
    const error = new HoldfastError('ERR_TIMEOUT', 'too slow', { cause });
    expect(error).toBeInstanceOf(Error);
    expect([error.code, error.message, error.name]).toEqual(['ERR_TIMEOUT', 'too slow', 'HoldfastError']);
    expect(error.cause).toBe(cause);
    expect(String(error)).toBe('HoldfastError: too slow');
    expect('cause' in new HoldfastError('ERR_TIMEOUT', 'too slow')).toBe(false);
  });

  it('lets a subclass name itself and add fields', () => {
    const error = new SmallError(3);
    expect(String(error)).toBe('SmallError: limit 3');
    expect(Object.keys(error).sort()).toEqual(['code', 'limit']);
  });

  it('shows its brand in no list of its properties and no JSON', () => {
    const error = new SmallError(3);
    expect(Object.getOwnPropertySymbols(error)).toEqual([]);
    expect(JSON.parse(JSON.stringify(error))).toEqual({ code: 'ERR_TIMEOUT', limit: 3 });
    expect(Object.getOwnPropertyDescriptor(HoldfastError.prototype, Symbol.for('holdfast.error'))).toEqual({
      value: true,
      enumerable: false,
      writable: false,
      configurable: false,
    });
  });
});

describe.skipIf(engine.stackTraceLimit === undefined)('captureStack', () => {
  // JavaScriptCore writes no `stack` at all where the limit is 0.
  const frames = (error: Error): number =>
    (error.stack ?? '').split('\n').filter((line) => /^\s*at |@/.test(line)).length;

  it('is on unless told otherwise', () => {
    expect(frames(new HoldfastError('ERR_TIMEOUT', 'x'))).toBeGreaterThan(0);
    expect(frames(new HoldfastError('ERR_TIMEOUT', 'x', { captureStack: true }))).toBeGreaterThan(0);
  });

  it('when off takes no frame and leaves the limit of the engine as it was', () => {
    const before = engine.stackTraceLimit!;
    engine.stackTraceLimit = 7;
    try {
      const error = new HoldfastError('ERR_TIMEOUT', 'quick', { captureStack: false });
      expect([frames(error), engine.stackTraceLimit]).toEqual([0, 7]);
      expect(String(error)).toContain('quick');
    } finally {
      engine.stackTraceLimit = before;
    }
  });

  it('when off still makes the error where the limit is frozen', () => {
    const before = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!;
    Object.defineProperty(Error, 'stackTraceLimit', { value: 5, writable: false, configurable: true });
    try {
      const error = new HoldfastError('ERR_TIMEOUT', 'quick', { captureStack: false });
      expect([error.code, engine.stackTraceLimit]).toEqual(['ERR_TIMEOUT', 5]);
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', before);
    }
  });

  it('when off makes the error where the engine has no limit, and gives it none', () => {
    const before = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!;
    delete engine.stackTraceLimit;
    try {
      expect(new HoldfastError('ERR_TIMEOUT', 'quick', { captureStack: false }).code).toBe('ERR_TIMEOUT');
      expect('stackTraceLimit' in Error).toBe(false);
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', before);
    }
  });
});

describe('isHoldfastError', () => {
  it('knows errors of this library, and of one code when given', () => {
    const error = new SmallError(1);
    expect(isHoldfastError(error)).toBe(true);
    expect(isHoldfastError(error, 'ERR_TIMEOUT')).toBe(true);
    expect(isHoldfastError(error, 'ERR_CIRCUIT_OPEN')).toBe(false);
  });

  it('knows by their codes the errors that turn a call away before its operation is started', () => {
    const rejections = [
      'ERR_BULKHEAD_REJECTED',
      'ERR_CIRCUIT_OPEN',
      'ERR_RATE_LIMITED',
      'ERR_RATE_LIMIT_MAX_WAIT',
      'ERR_POOL_QUEUE_FULL',
      'ERR_POOL_TIMEOUT',
      'ERR_POOL_CLOSED',
    ] as const;
    const others = [
      'ERR_TIMEOUT',
      'ERR_CHAOS_FAULT',
      'ERR_STORE_TIMEOUT',
      'ERR_HEDGE_SUPERSEDED',
      'ERR_POOL_CREATE',
      'ERR_POOL_CREATE_TIMEOUT',
      'ERR_POOL_LEASE_RELEASED',
    ] as const;
    const known = (codes: readonly ErrorCode[]): boolean[] =>
      codes.map((code) => isRejection(new HoldfastError(code, '')));
    expect([known(rejections), known(others)]).toEqual([Array(7).fill(true), Array(7).fill(false)]);
    // Where something failed, nobody was turned away.
    expect(isRejection(new HoldfastError('ERR_POOL_TIMEOUT', '', { cause: new Error('down') }))).toBe(false);
    expect(isRejection(Object.assign(new HoldfastError('ERR_TIMEOUT', ''), { code: Symbol('ERR_CIRCUIT_OPEN') }))).toBe(
      false,
    );
    expect(isRejection(Object.assign(new Error('foreign'), { code: 'ERR_CIRCUIT_OPEN' }))).toBe(false);
  });

  it('knows the errors of another loaded copy', async () => {
    const path = '../../src/core/errors.ts?copy'; // the query makes another module of it, in browsers too
    const copy = (await import(/* @vite-ignore */ path)) as typeof import('../../src/core/errors.ts');
    expect(copy.HoldfastError).not.toBe(HoldfastError);
    const error = new copy.HoldfastError('ERR_CIRCUIT_OPEN', 'open');
    expect(error).not.toBeInstanceOf(HoldfastError);
    expect([isHoldfastError(error), isHoldfastError(error, 'ERR_CIRCUIT_OPEN')]).toEqual([true, true]);
    expect([isHoldfastError(error, 'ERR_TIMEOUT'), isRejection(error)]).toEqual([false, true]);
    expect(copy.isHoldfastError(new HoldfastError('ERR_TIMEOUT', 'slow'))).toBe(true);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'ERR_TIMEOUT'],
    ['a function', () => {}],
    ['another error with the code', Object.assign(new Error('x'), { code: 'ERR_TIMEOUT' })],
    ['an object with the brand untrue', { [Symbol.for('holdfast.error')]: 1, code: 'ERR_TIMEOUT' }],
    ['an object without prototype', Object.create(null)],
    ['a revoked proxy', revokedProxy()],
  ])('does not take %s for one', (_, value) => {
    expect([isHoldfastError(value), isHoldfastError(value, 'ERR_TIMEOUT'), isRejection(value)]).toEqual(
      Array(3).fill(false),
    );
  });
});

it.each([
  ['ERR_BULKHEAD_REJECTED', true],
  ['ERR_CIRCUIT_OPEN', true],
  ['ERR_TIMEOUT', false],
  ['ERR_CHAOS_FAULT', false],
  ['ERR_HEDGE_SUPERSEDED', false],
] as [ErrorCode, boolean][])('isRejection of %s is %s', (code, wanted) => {
  expect(isRejection(new HoldfastError(code, 'x'))).toBe(wanted);
  expect(isRejection({ code })).toBe(false);
});

describe('reportError', () => {
  it('hands the error to the global reportError', () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    const reported: unknown[][] = [];
    vi.stubGlobal('reportError', (...args: unknown[]) => reported.push(args));
    const error = new Error('x');
    reportError(error);
    expect(reported).toEqual([[error]]);
    expect(logged).not.toHaveBeenCalled();
  });

  it.each([undefined, 'no function'])('writes to the console where the global is %s', (global) => {
    vi.stubGlobal('reportError', global);
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    const error = new Error('x');
    reportError(error);
    expect(logged.mock.calls).toEqual([[error]]);
  });
});

describe('guarded', () => {
  it('answers what the callback answers', () => {
    vi.stubGlobal('reportError', () => expect.unreachable());
    expect(guarded('otherwise', (a: number, b: number) => `${a} ${b}`, 1, 2)).toBe('1 2');
  });

  it('answers otherwise and reports when the callback throws', () => {
    const reported: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
    const failing = (): string => {
      throw 'thrown';
    };
    expect(guarded('otherwise', failing)).toBe('otherwise');
    expect(reported).toEqual(['thrown']);
  });
});

describe('emit', () => {
  it('tells a listener, if there is one', () => {
    const events: unknown[] = [];
    emit((event) => events.push(event), { type: 'x' });
    emit(undefined, { type: 'y' });
    expect(events).toEqual([{ type: 'x' }]);
  });

  it('reports what an async listener rejects with', async () => {
    const reported: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
    emit(async (event: string) => {
      throw `${event} failed`;
    }, 'x');
    await flush();
    expect(reported).toEqual(['x failed']);
  });

  it('reports what a listener throws and goes on', () => {
    const reported: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
    const error = new Error('listener');
    emit(() => {
      throw error;
    }, 1);
    expect(reported).toEqual([error]);
  });
});
