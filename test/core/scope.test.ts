import { describe, expect, it } from 'vitest';
import type { AbortListener } from '../../src/core/scope.ts';
import { Scope } from '../../src/core/scope.ts';
import { countingSignal } from '../support/counting-signal.ts';

function recorder(log: string[], name: string, then: () => void = () => {}): AbortListener {
  return {
    onAbort(reason) {
      log.push(`${name}: ${String(reason)}`);
      then();
    },
  };
}

describe('a scope around which there is nothing', () => {
  it('has no reason, is aborted by itself only, and then once', () => {
    const scope = new Scope(undefined, 3, true);
    expect([scope.attempt, scope.aborted, scope.reason]).toEqual([3, false, undefined]);
    const { signal } = scope;
    expect(scope.signal).toBe(signal);
    const log: string[] = [];
    scope.listen(recorder(log, 'a'));
    scope.abort('first');
    scope.abort('second');
    expect([log, scope.aborted, scope.reason]).toEqual([['a: first'], true, 'first']);
    expect([signal.aborted, signal.reason]).toEqual([true, 'first']);
  });

  it('may be aborted for the reason undefined', () => {
    const scope = new Scope(undefined, 1, true);
    const log: string[] = [];
    scope.listen(recorder(log, 'a'));
    scope.abort(undefined);
    scope.abort('later');
    expect([log, scope.aborted, scope.reason]).toEqual([['a: undefined'], true, undefined]);
  });
});

describe('a scope under a signal', () => {
  it('hands the signal on, and listens to it only while somebody listens', () => {
    const signals = countingSignal();
    const scope = new Scope(signals.signal, 1);
    expect(scope.signal).toBe(signals.signal);
    expect(signals.listeners).toBe(0);
    scope.listen(recorder([], 'a'));
    scope.listen(recorder([], 'b'));
    expect([signals.listeners, signals.peak]).toEqual([1, 1]);
    scope.end();
    expect(signals.listeners).toBe(0);
    scope.end();
    scope.listen(recorder([], 'c'));
    expect([signals.listeners, signals.added]).toEqual([0, 1]);
  });

  it('tells of its abort with its reason, and lets go of it', () => {
    const signals = countingSignal();
    const scope = new Scope(signals.signal, 1);
    const log: string[] = [];
    scope.listen(recorder(log, 'a'));
    scope.listen(recorder(log, 'b'));
    const reason = new Error('enough');
    signals.abort(reason);
    expect(log).toEqual(['a: Error: enough', 'b: Error: enough']);
    expect(scope.reason).toBe(reason);
    expect([scope.aborted, signals.listeners]).toEqual([true, 0]);
  });

  it('knows of an abort without listening', () => {
    const signals = countingSignal();
    const scope = new Scope(signals.signal, 1);
    signals.abort('gone');
    expect([scope.aborted, scope.reason, signals.added]).toEqual([true, 'gone', 0]);
  });
});

describe('listeners', () => {
  it('are told in their order, once, and not after they have left', () => {
    const scope = new Scope(undefined, 1, true);
    const log: string[] = [];
    scope.unlisten(recorder(log, 'nobody yet'));
    const [a, b, c] = [recorder(log, 'a'), recorder(log, 'b'), recorder(log, 'c')];
    for (const one of [a, b, c, a]) scope.listen(one);
    scope.unlisten(b);
    scope.unlisten(recorder(log, 'stranger'));
    scope.abort('x');
    expect(log).toEqual(['a: x', 'c: x']);
  });

  it('may leave, and take others along, while they are told', () => {
    const scope = new Scope(undefined, 1, true);
    const log: string[] = [];
    const late = recorder(log, 'late');
    const first = recorder(log, 'first', () => {
      scope.unlisten(first);
      scope.unlisten(late);
    });
    for (const one of [first, recorder(log, 'second'), late]) scope.listen(one);
    scope.abort('x');
    expect(log).toEqual(['first: x', 'second: x']);
  });
});

describe('a scope inside another', () => {
  it('is aborted with it, by a listener and by a signal', () => {
    const signals = countingSignal();
    const outer = new Scope(signals.signal, 1);
    const middle = new Scope(outer, 1);
    const inner = new Scope(middle, 2);
    const log: string[] = [];
    inner.listen(recorder(log, 'inner'));
    const { signal } = inner;
    expect(signals.listeners).toBe(1);
    signals.abort('all');
    expect([log, signal.aborted, signal.reason]).toEqual([['inner: all'], true, 'all']);
    expect([middle.aborted, middle.reason, inner.reason]).toEqual([true, 'all', 'all']);
  });

  it('aborts a signal that was read before, though nobody listens', () => {
    const signals = countingSignal();
    const scope = new Scope(new Scope(signals.signal, 1), 1);
    const { signal } = scope;
    expect([signal.aborted, signals.listeners]).toEqual([false, 1]);
    signals.abort('all');
    expect([signal.aborted, signal.reason]).toEqual([true, 'all']);
  });

  it('is aborted alone, and keeps its own reason', () => {
    const signals = countingSignal();
    const outer = new Scope(signals.signal, 1);
    const [left, right] = [new Scope(outer, 1), new Scope(outer, 1)];
    const log: string[] = [];
    left.listen(recorder(log, 'left'));
    right.listen(recorder(log, 'right'));
    left.abort('alone');
    expect([outer.aborted, right.aborted, left.reason]).toEqual([false, false, 'alone']);
    signals.abort('all');
    expect([log, left.reason, right.reason]).toEqual([['left: alone', 'right: all'], 'alone', 'all']);
  });

  it('gives a signal of its own that has aborted already where it has', () => {
    const signals = countingSignal();
    const scope = new Scope(new Scope(signals.signal, 1), 1);
    signals.abort('before');
    expect(scope.signal).not.toBe(signals.signal);
    expect([scope.signal.aborted, scope.signal.reason, signals.listeners]).toEqual([true, 'before', 0]);
    const other = new Scope(new Scope(undefined, 1, true), 1);
    other.abort('itself');
    expect([other.signal.aborted, other.signal.reason]).toEqual([true, 'itself']);
  });

  it('that has ended hears no more of what is outside, but can still be aborted by itself', () => {
    const outer = new Scope(undefined, 1, true);
    const inner = new Scope(outer, 1);
    const log: string[] = [];
    inner.listen(recorder(log, 'inner'));
    const { signal } = inner;
    inner.end();
    outer.abort('outside');
    expect([log, signal.aborted, inner.aborted]).toEqual([[], false, true]);
    inner.abort('inside');
    expect([log, signal.reason]).toEqual([['inner: inside'], 'inside']);
  });
});
