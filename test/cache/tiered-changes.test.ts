import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../support/gate.ts';
import { createFleet, settle, STALE_MS, TIMEOUT_MS, warm } from './tiered-fleet.ts';

describe('changes', () => {
  it("with `wait: 'all'` resolve when no process serves any more what was there before", async () => {
    const fleet = createFleet();
    const [one, two, three] = [fleet.join(), fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    const changes = [
      () => one.cache.delete('a', { wait: 'all' }),
      () => one.cache.invalidateTags(['t'], { wait: 'all' }),
      () => one.cache.clear({ wait: 'all' }),
      () => one.cache.set('a', 'new', { wait: 'all' }),
    ];
    for (const change of changes) {
      await one.cache.delete('a', { wait: 'shared' });
      for (const { cache } of [one, two, three])
        await cache.getOrLoad('a', async (_, ctx) => {
          ctx.tags = ['t'];
          return 'old';
        });
      three.network.latencyMs = () => 10;
      const changed = outcomeOf(change());
      expect((await changed).state).toBe('pending');
      expect(await three.cache.get('a')).toBe('old');
      const late = change();
      await fleet.clock.advance(200);
      await late;
      three.network.latencyMs = () => 0;
      const now = await Promise.all([one, two, three].map(({ cache }) => cache.get('a')));
      expect(now).toEqual(change === changes[3] ? ['new', 'new', 'new'] : [undefined, undefined, undefined]);
    }
  });

  it('reach processes that hear nothing over the bus within a third of `l1MaxStaleMs`, and those that hear it at once', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    await one.cache.delete('a');
    expect(await two.cache.get('a')).toBe(undefined);
    await warm(two);
    two.network.isBusDead = true;
    const change = one.cache.delete('a', { wait: 'all' });
    expect((await outcomeOf(change)).state).toBe('pending');
    expect(await two.cache.get('a')).toBe('old');
    const startMs = fleet.clock.now();
    void change.then(() => expect(fleet.clock.now() - startMs).toBeLessThanOrEqual(STALE_MS / 3 + 100));
    await fleet.clock.advance(STALE_MS / 3 + 101);
    await change;
    expect(await two.cache.get('a')).toBe(undefined);
    expect(two.errors).toEqual([]);
  });

  it('wait `l1MaxStaleMs` for a process that is frozen or gone, once, and it serves nothing of before when it is back', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    two.freeze();
    const startMs = fleet.clock.now();
    const change = one.cache.delete('a', { wait: 'all' });
    // A little longer, as its clock may be slower.
    await fleet.clock.advance(STALE_MS * 1.019);
    expect((await outcomeOf(change)).state).toBe('pending');
    await fleet.clock.advance(STALE_MS * 0.002);
    await change;
    expect(fleet.clock.now() - startMs).toBeLessThan(STALE_MS * 1.02 + 100);
    const again = one.cache.delete('a', { wait: 'all' });
    expect((await outcomeOf(again)).state).toBe('fulfilled');
    two.thaw();
    expect(await two.cache.get('a')).toBe(undefined);
    expect(await two.cache.getOrLoad('a', async () => 'new')).toBe('new');
  });

  it('that nobody acknowledged within `timeoutMs`, or that the caller gave up, reject', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    two.freeze();
    const late = outcomeOf(one.cache.delete('a', { wait: 'all', timeoutMs: 100 }));
    const caller = new AbortController();
    const left = one.cache.delete('a', { wait: 'all', signal: caller.signal });
    caller.abort('left');
    await expect(left).rejects.toBe('left');
    await expect(one.cache.delete('a', { signal: caller.signal })).rejects.toBe('left');
    expect((await late).state).toBe('pending');
    const change = one.cache.delete('a', { wait: 'all', timeoutMs: 100 });
    const refused = expect(change).rejects.toMatchObject({
      code: 'ERR_STORE_TIMEOUT',
      message: 'the fleet did not answer within 100 ms',
    });
    await fleet.clock.advance(101);
    await refused;
  });

  it('that the tier does not carry out reject within `tierTimeoutMs`, after this process has dropped what it had', async () => {
    for (const state of ['refused', 'lost', 'answers lost'] as const) {
      const fleet = createFleet();
      const one = fleet.join();
      await settle(fleet, one);
      await warm(one);
      one.network.state = state;
      const changes = [
        one.cache.delete('a'),
        one.cache.set('a', 'new', { wait: 'all' }),
        one.cache.invalidateTags(['t'], { wait: 'all' }),
        one.cache.clear(),
      ].map((change) => expect(change).rejects.toThrow(state === 'refused' ? 'refused' : 'did not answer'));
      await fleet.clock.advance(TIMEOUT_MS);
      await Promise.all(changes);
      expect(await one.cache.get('a')).toBe(undefined);
      expect(one.cache.stats().isConnected).toBe(true);
      expect(one.errors.length).toBe(4);
    }
  });

  it("with `wait: 'local'` resolve at once, and reads of this process that follow are past them", async () => {
    const fleet = createFleet();
    const one = fleet.join();
    await settle(fleet, one);
    await warm(one);
    one.network.latencyMs = () => 20;
    expect((await outcomeOf(one.cache.delete('a', { wait: 'local' }))).state).toBe('fulfilled');
    // The next one overtakes it.
    one.network.latencyMs = () => 1;
    const [got, loaded] = [one.cache.get('a'), one.cache.getOrLoad('a', async () => 'new')];
    await fleet.clock.advance(100);
    expect([await got, await loaded]).toEqual([undefined, 'new']);
    one.network.state = 'refused';
    await one.cache.delete('a', { wait: 'local' });
    await fleet.clock.advance(1);
    expect(one.errors.length).toBe(1);
  });

  it('that cross another change of the same key have the tier forget it, rather than keep what may be older', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await two.cache.ready();
    two.network.isBusDead = true;
    // On its way for long; what one writes meanwhile is newer.
    two.network.latencyMs = () => 10;
    const slow = two.cache.set('a', 'two');
    await one.cache.set('a', 'one');
    expect(await one.cache.get('a')).toBe('one');
    await fleet.clock.advance(20);
    await slow;
    expect(await one.cache.get('a')).toBe(undefined);
    two.network.latencyMs = () => 0;
    await two.cache.set('a', 'first');
    await two.cache.set('a', 'second');
    expect([await one.cache.get('a'), await two.cache.get('a')]).toEqual(['second', 'second']);
  });
});
