import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countingSignal } from './counting-signal.ts';

it('counts what is registered now, was ever registered, and was registered at most at one time', () => {
  const counted = countingSignal();
  const [first, second] = [() => {}, () => {}];
  counted.signal.addEventListener('abort', first, { once: true });
  counted.signal.addEventListener('abort', second);
  counted.signal.removeEventListener('abort', first);
  counted.signal.addEventListener('abort', first);
  counted.signal.removeEventListener('abort', first);
  expect([counted.listeners, counted.added, counted.peak]).toEqual([1, 3, 2]);
});

it('still aborts with the reason it was given, and forgets listeners for one event', () => {
  const counted = countingSignal();
  const reasons: unknown[] = [];
  counted.signal.addEventListener('abort', () => reasons.push(counted.signal.reason), { once: true });
  const reason = { why: 'test' };
  counted.abort(reason);
  counted.abort('later');
  expect(reasons).toEqual([reason]);
  expect(counted.listeners).toBe(0);
});

it('counts the onabort property and ignores other events', () => {
  const counted = countingSignal();
  counted.signal.onabort = () => {};
  counted.signal.addEventListener('other', () => {});
  expect(counted.listeners).toBe(1);
  counted.signal.onabort = null;
  expect(counted.listeners).toBe(0);
});

it('takes listeners away with the signal they were registered with', () => {
  const [counted, other] = [countingSignal(), new AbortController()];
  counted.signal.addEventListener('abort', () => {}, { signal: other.signal });
  expect(counted.listeners).toBe(1);
  other.abort();
  expect(counted.listeners).toBe(0);
});

it('counts as the runtime itself does, whatever is added, removed and aborted', () => {
  const listeners = [() => {}, () => {}, { handleEvent: () => {} }];
  const step = fc.record({
    kind: fc.constantFrom('add', 'add', 'remove', 'abort'),
    which: fc.nat({ max: 2 }),
    once: fc.boolean(),
    capture: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const counted = countingSignal();
      for (const { kind, which, once, capture } of steps) {
        const listener = listeners[which] as EventListenerOrEventListenerObject;
        if (kind === 'add') counted.signal.addEventListener('abort', listener, { once, capture });
        else if (kind === 'remove') counted.signal.removeEventListener('abort', listener, { capture });
        else counted.abort();
        expect(counted.listeners).toBe(getEventListeners(counted.signal, 'abort').length);
      }
    }),
  );
});
