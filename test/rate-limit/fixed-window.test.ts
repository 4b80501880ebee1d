import { describe, expect, it } from 'vitest';
import { fixedWindow, slidingLog } from '../../src/rate-limit/index.ts';
import { setup } from './kit.ts';

describe('windows that begin with their first unit', () => {
  it('begin where they would have without each of several reservations, one taken back after the other', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 10, windowMs: 100 }));
    const first = limiter.reserve('key', 1)!;
    clock.stall(10);
    const second = limiter.reserve('key', 1)!;
    clock.stall(40);
    limiter.tryAcquire('key');
    first.cancel();
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 8, resetAfterMs: 60 });
    second.cancel();
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 9, resetAfterMs: 100 });
  });

  it('count what is charged in the millisecond of a reservation when another is taken back', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 10, windowMs: 1000 }));
    const first = limiter.reserve('key', 2)!;
    limiter.tryAcquire('key', 3);
    clock.stall(10);
    limiter.reserve('key', 1)!.cancel();
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 5, resetAfterMs: 990 });
    first.cancel();
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 7, resetAfterMs: 990 });
  });

  it('remember charges only while a reservation is open, so that none before it uses up what can be remembered', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 5000, windowMs: 2000 }));
    limiter.reserve('key')!.cancel();
    clock.stall(1000);
    for (let k = 0; k < 995; k++) {
      limiter.tryAcquire('key');
      clock.stall(1);
    }
    clock.stall(1005); // the window that began at 1000 is over
    const reservation = limiter.reserve('key')!;
    for (let k = 0; k < 10; k++) {
      clock.stall(1);
      limiter.tryAcquire('key');
    }
    reservation.cancel();
    // The window began with the first unit after the reservation, 9 ms ago.
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 4990, resetAfterMs: 1991 });
  });

  it('keep the place of a key until the last of its charges is over, with a reservation open since the first', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 5, windowMs: 100 }), { maxKeys: 1, overflow: 'deny' });
    limiter.reserve('key');
    clock.stall(50);
    limiter.tryAcquire('key');
    clock.stall(70); // another window
    limiter.tryAcquire('key', 4);
    clock.stall(40);
    expect(limiter.tryAcquire('other')).toBe(false);
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 1, resetAfterMs: 60 });
    clock.stall(60);
    expect(limiter.tryAcquire('other')).toBe(true);
  });
});

describe('windows of Unix time', () => {
  it('are left as they are by a reservation of the window before that is taken back', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 10, windowMs: 100, align: 'epoch' }));
    clock.setEpoch(1_000_000);
    const reservation = limiter.reserve('key', 2)!;
    clock.stall(60);
    limiter.tryAcquire('key', 3);
    clock.stall(50);
    limiter.tryAcquire('key', 4);
    reservation.cancel();
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 6, resetAfterMs: 90 });
  });
});

it('units within windowMs / (maxEntries - 1) of each other share an entry of a log, and leave with the last of them', () => {
  const { limiter, clock } = setup(slidingLog({ limit: 3, windowMs: 100, maxEntries: 2 }));
  limiter.tryAcquire('key');
  clock.stall(50);
  limiter.tryAcquire('key');
  clock.stall(40);
  limiter.tryAcquire('key');
  // All three within 100 ms: none leaves before the last does, at 190.
  expect(limiter.peek('key').retryAfterMs).toBe(100);
  clock.stall(99);
  expect(limiter.peek('key', 0).remaining).toBe(0);
  clock.stall(1);
  expect(limiter.peek('key', 0).remaining).toBe(3);
});
