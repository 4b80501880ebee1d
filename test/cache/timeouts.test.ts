import { describe, expect, it } from 'vitest';
import { flush, outcomeOf } from '../support/gate.ts';
import { timedCache } from './origin.ts';

describe('softTimeoutMs', () => {
  it('answers callers with a value out of date when the load takes too long; it goes on and lands', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 500, softTimeoutMs: 20 });
    cache.set('a', 'old');
    await clock.advance(100);
    const leaver = new AbortController();
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('a'), cache.getOrLoad('a', { signal: leaver.signal })];
    await clock.advance(19);
    expect(await outcomeOf(callers[0]!)).toEqual({ state: 'pending' });
    await clock.advance(1);
    expect(await Promise.all(callers)).toEqual(['old', 'old', 'old']);
    leaver.abort();
    expect(loads[0]!.ctx.signal.aborted).toBe(false);
    expect([await cache.getOrLoad('a'), loads.length]).toEqual(['old', 1]);
    loads[0]!.open('new');
    await flush();
    expect([cache.get('a'), clock.pendingTimers]).toEqual(['new', 0]);
  });

  it('does nothing where there is no value to serve', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 500, softTimeoutMs: 20 });
    const caller = cache.getOrLoad('a');
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(5000);
    loads[0]!.open('new');
    expect(await caller).toBe('new');
  });

  it('lets callers wait on where the value out of date may not be served, or has been replaced', async () => {
    const plain = timedCache({ staleWhileRevalidateMs: 500, softTimeoutMs: 20 });
    plain.cache.set('a', 'old');
    const refreshed = plain.cache.refresh('a');
    const replaced = timedCache({ staleIfErrorMs: 500, softTimeoutMs: 20 });
    replaced.cache.set('a', 'old');
    await replaced.clock.advance(100);
    const caller = replaced.cache.getOrLoad('a');
    replaced.cache.set('a', 'set');
    for (const { clock } of [plain, replaced]) await clock.advance(20);
    for (const waiting of [refreshed, caller]) expect((await outcomeOf(waiting)).state).toBe('pending');
    for (const { loads } of [plain, replaced]) loads[0]!.open('new');
    expect([await refreshed, await caller, replaced.cache.get('a')]).toEqual(['new', 'new', 'set']);
  });

  it('leaves the failure of a load that it has answered for to onError, and nobody can abort that load', async () => {
    const errors: unknown[] = [];
    const { cache, clock, loads } = timedCache({
      staleIfErrorMs: 500,
      softTimeoutMs: 20,
      errorBackoffMs: 50,
      onError: (...event) => void errors.push(event),
    });
    cache.set('a', 'old');
    await clock.advance(100);
    const caller = cache.getOrLoad('a');
    await clock.advance(20);
    expect([await caller, cache.stats().staleHits]).toEqual(['old', 1]);
    const leaver = new AbortController();
    const left = cache.getOrLoad('a', { forceRefresh: true, signal: leaver.signal });
    leaver.abort('left');
    await expect(left).rejects.toBe('left');
    expect([loads.length, loads[0]!.ctx.signal.aborted]).toEqual([1, false]);
    loads[0]!.fail('down');
    await flush();
    expect(errors).toEqual([['down', 'a']]);
  });

  it('leaves that failure to onError even when the value out of date may be served no more', async () => {
    const errors: unknown[] = [];
    const { cache, clock, loads } = timedCache({
      staleIfErrorMs: 50,
      softTimeoutMs: 20,
      onError: (...event) => void errors.push(event),
    });
    cache.set('a', 'old');
    await clock.advance(100);
    const caller = cache.getOrLoad('a');
    await clock.advance(60);
    expect(await caller).toBe('old');
    loads[0]!.fail('down');
    await flush();
    expect(errors).toEqual([['down', 'a']]);
  });

  it('and hardTimeoutMs leave no timer behind a load that ends in time, or that its callers leave', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 500, softTimeoutMs: 20, hardTimeoutMs: 40 });
    cache.set('a', 'old');
    await clock.advance(100);
    const leaver = new AbortController();
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('b'), cache.getOrLoad('c', { signal: leaver.signal })];
    expect(clock.pendingTimers).toBe(4);
    leaver.abort('left');
    await expect(callers[2]).rejects.toBe('left');
    loads[0]!.open('new');
    loads[1]!.fail('down');
    await expect(callers[1]).rejects.toBe('down');
    expect([await callers[0], clock.pendingTimers]).toEqual(['new', 0]);
  });
});

describe('hardTimeoutMs', () => {
  it('aborts the load and rejects its callers with LoadTimeoutError', async () => {
    const { cache, clock, loads } = timedCache({ hardTimeoutMs: 40 });
    const callers = Promise.allSettled([cache.getOrLoad('a'), cache.getOrLoad('a')]);
    await clock.advance(39);
    expect(loads[0]!.ctx.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(await callers).toMatchObject([
      { reason: { code: 'ERR_TIMEOUT' } },
      { reason: { message: 'a load took longer than 40 ms' } },
    ]);
    expect(loads[0]!.ctx.signal.reason).toMatchObject({ name: 'LoadTimeoutError' });
    loads[0]!.open('late');
    await flush();
    expect([cache.size, cache.stats().loadFailures, cache.stats().loading]).toEqual([0, 1, 0]);
  });

  it('is a failure like others: a value out of date is served where it may be', async () => {
    const { cache, clock } = timedCache({ hardTimeoutMs: 40, staleIfErrorMs: 500 });
    cache.set('a', 'old');
    await clock.advance(100);
    const caller = cache.getOrLoad('a');
    await clock.advance(40);
    expect([await caller, clock.pendingTimers]).toEqual(['old', 0]);
  });

  it('ends a refresh that nobody waits for', async () => {
    const { cache, clock, loads } = timedCache({ hardTimeoutMs: 40, staleWhileRevalidateMs: 500 });
    cache.set('a', 'old');
    await clock.advance(100);
    await cache.getOrLoad('a');
    await clock.advance(40);
    expect([loads[0]!.ctx.signal.aborted, await cache.getOrLoad('a'), loads.length]).toEqual([true, 'old', 2]);
  });
});
