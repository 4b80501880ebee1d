import { expect, it } from 'vitest';
import type { CircuitReport, FleetView, SharedBreakerStore } from '../../src/circuit-breaker/index.ts';

/** A store to be tried, and its time. */
export interface StoreUnderTest {
  readonly store: SharedBreakerStore;
  /** Lets at least `ms` pass on the clock of the store. */
  pass(ms: number): Promise<unknown>;
  /** Forgets everything. */
  flush(): unknown;
}

const TTL_MS = 500;

const quiet: Omit<CircuitReport, 'name' | 'node' | 'holder'> = {
  openForMs: 0,
  openedAgoMs: 0,
  quorum: 2,
  trial: 'none',
  ttlMs: TTL_MS,
  fencingToken: 0,
};

/** What every store of fleets promises, whatever engine keeps them. Each test has a circuit of its own. */
export function breakerStoreContract(subject: () => StoreUnderTest): void {
  let circuits = 0;
  type Say = (node: string, part?: Partial<CircuitReport>) => Promise<FleetView>;
  const fleet = (): Say => {
    const name = `circuit ${++circuits} {}:%'"\ud83d\ude00`;
    return async (node, part) => subject().store.sync({ ...quiet, name, node, holder: `${node} 1`, ...part });
  };
  const open = (openForMs = 60_000, openedAgoMs = 0): Partial<CircuitReport> => ({ openForMs, openedAgoMs });
  /** A fleet whose trials may be held: whoever held them before is past. */
  const warm = async (): Promise<Say> => {
    const say = fleet();
    await say('first', open());
    await say('first');
    await subject().pass(TTL_MS);
    return say;
  };

  it('opens the fleet when as many nodes as the quorum report open at once, and says for how long', async () => {
    const say = fleet();
    expect(await say('a', open())).toMatchObject({ isOpen: false, openNodes: 1, openForMs: 0 });
    expect(await say('a', open(90_000))).toMatchObject({ isOpen: false, openNodes: 1, openForMs: 0 });
    expect(await say('c')).toMatchObject({ isOpen: false, openNodes: 1, openForMs: 0, recoveredAgoMs: Infinity });
    const view = await say('b', open(30_000));
    expect(view).toMatchObject({ isOpen: true, openNodes: 2, openForMs: 30_000 });
    const { openForMs, isOpen } = await say('c');
    expect(isOpen).toBe(true);
    expect(openForMs).toBeGreaterThan(29_000);
    expect(openForMs).toBeLessThanOrEqual(30_000);
    expect(await say('c', { quorum: 3 })).toMatchObject({ isOpen: true, openForMs: 0 });
  });

  it('counts a node once, and not after it has closed, its time is over, or it was not heard of for `ttlMs`', async () => {
    const say = fleet();
    await say('a', open());
    await say('a', { ...open(), holder: 'a 2' });
    expect(await say('a')).toMatchObject({ openNodes: 0, isOpen: false });
    await say('a', open(TTL_MS / 4));
    await subject().pass(TTL_MS / 4);
    expect(await say('b', open())).toMatchObject({ openNodes: 1, isOpen: false });
    await subject().pass(TTL_MS);
    expect(await say('a', open())).toMatchObject({ openNodes: 1, isOpen: false });
  });

  it('keeps fleets of different names apart', async () => {
    const [one, other] = [fleet(), fleet()];
    await one('a', open());
    expect(await other('b', open())).toMatchObject({ isOpen: false, openNodes: 1 });
  });

  it('keeps the fleet open until somebody recovers, and forgets what opened before', async () => {
    const say = fleet();
    await say('a', open(TTL_MS / 4));
    await say('b', open(TTL_MS / 4));
    await subject().pass(TTL_MS / 4);
    expect(await say('c')).toMatchObject({ isOpen: true, openNodes: 0, openForMs: 0 });
    expect(await say('b', open(60_000, 100_000))).toMatchObject({ isOpen: true, openNodes: 1 });
    const recovered = await say('c', { recoveredAgoMs: 0 });
    expect(recovered).toMatchObject({ isOpen: false, openNodes: 0, recoveredAgoMs: 0 });
    // B has not heard of it yet: what it says is older than the recovery.
    expect(await say('b', open(60_000, 100_000))).toMatchObject({ isOpen: false, openNodes: 0 });
    expect((await say('b')).recoveredAgoMs).toBeLessThan(50_000);
    expect(await say('b', open())).toMatchObject({ isOpen: false, openNodes: 1 });
  });

  it('takes a recovery for what it is worth: not for what opened after it, nor without an open fleet', async () => {
    const say = fleet();
    expect(await say('a', { recoveredAgoMs: 0 })).toMatchObject({ recoveredAgoMs: Infinity });
    await say('a', open());
    await say('b', open());
    expect(await say('c', { recoveredAgoMs: 50_000 })).toMatchObject({ isOpen: true, recoveredAgoMs: Infinity });
  });

  it('takes a recovery that is told late, however often the fleet was seen to be open meanwhile', async () => {
    const say = fleet();
    await say('a', open(60_000, 30));
    await say('b', open(60_000, 30));
    await subject().pass(TTL_MS / 2);
    await say('c');
    await say('a', open(60_000, TTL_MS / 2 + 30));
    const view = await say('c', { recoveredAgoMs: TTL_MS / 4 });
    expect(view).toMatchObject({ isOpen: false, openNodes: 0 });
    expect(view.recoveredAgoMs).toBeGreaterThanOrEqual(TTL_MS / 4);
  });

  it('lets one hold the trials, renews its hold, and passes them on when it lets go', async () => {
    const say = await warm();
    const first = await say('a', { trial: 'wanted' });
    expect(first.trialsForMs).toBe(TTL_MS);
    expect(Number.isSafeInteger(first.fencingToken) && first.fencingToken > 0).toBe(true);
    expect(await say('b', { trial: 'wanted' })).toMatchObject({ trialsForMs: 0, fencingToken: first.fencingToken });
    expect(await say('b', { trial: 'running' })).toMatchObject({ trialsForMs: 0 });
    // Known by its holder, not by its node.
    expect(await say('a', { trial: 'wanted', holder: 'a 2' })).toMatchObject({ trialsForMs: 0 });
    // Nobody lets go of what another holds.
    await say('b');
    expect(await say('c', { trial: 'wanted' })).toMatchObject({ trialsForMs: 0, fencingToken: first.fencingToken });
    await subject().pass(TTL_MS / 4);
    expect(await say('a', { trial: 'wanted' })).toEqual({ ...first, trialsForMs: TTL_MS });
    await say('b');
    await say('a');
    const second = await say('b', { trial: 'wanted' });
    expect(second.trialsForMs).toBe(TTL_MS);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
  });

  it('lets the hold of one that is gone run out after `ttlMs`', async () => {
    const say = await warm();
    const { fencingToken } = await say('a', { trial: 'running' });
    await subject().pass(TTL_MS / 2);
    expect(await say('b', { trial: 'urgent' })).toMatchObject({ trialsForMs: 0 });
    await subject().pass(TTL_MS / 2);
    const view = await say('c', { trial: 'wanted' });
    // Somebody waits urgently, and goes first.
    expect(view).toMatchObject({ trialsForMs: 0 });
    const next = await say('b', { trial: 'urgent' });
    expect(next.trialsForMs).toBe(TTL_MS);
    expect(next.fencingToken).toBeGreaterThan(fencingToken);
  });

  it('does not renew an idle hold while somebody waits urgently, but always that of a running trial', async () => {
    const say = await warm();
    await say('a', { trial: 'wanted' });
    await say('b', { trial: 'urgent' });
    await subject().pass(TTL_MS / 2);
    expect((await say('a', { trial: 'wanted' })).trialsForMs).toBeLessThanOrEqual(TTL_MS / 2);
    expect(await say('a', { trial: 'running' })).toMatchObject({ trialsForMs: TTL_MS });
    await subject().pass(TTL_MS / 2);
    await say('b', { trial: 'urgent' });
    await subject().pass(TTL_MS / 2);
    expect(await say('a', { trial: 'wanted' })).toMatchObject({ trialsForMs: 0 });
    expect(await say('b', { trial: 'urgent' })).toMatchObject({ trialsForMs: TTL_MS });
    // It is served: nobody waits any more.
    await subject().pass(TTL_MS / 4);
    expect(await say('b', { trial: 'wanted' })).toMatchObject({ trialsForMs: TTL_MS });
  });

  it('lets nobody hold the trials while a quorum is open, except whose trial runs', async () => {
    const say = await warm();
    await say('a', open());
    await say('b', open());
    expect(await say('c', { trial: 'urgent' })).toMatchObject({ trialsForMs: 0 });
    expect(await say('c', { trial: 'running' })).toMatchObject({ trialsForMs: TTL_MS });
    await say('a');
    await say('c');
    expect(await say('d', { trial: 'wanted' })).toMatchObject({ trialsForMs: TTL_MS });
  });

  it('refuses the recovery of a holder whose trials have passed to another', async () => {
    const say = await warm();
    await say('a', open(TTL_MS / 4));
    await say('b', open(TTL_MS / 4));
    await subject().pass(TTL_MS / 4);
    const stale = await say('a', { trial: 'wanted' });
    await subject().pass(TTL_MS);
    const fresh = await say('b', { trial: 'wanted' });
    const recovery = { recoveredAgoMs: 0, fencingToken: stale.fencingToken };
    expect(await say('a', recovery)).toMatchObject({ isOpen: true });
    expect(await say('b', { ...recovery, fencingToken: fresh.fencingToken })).toMatchObject({ isOpen: false });
  });

  it('lets nobody hold the trials for `ttlMs` when it knows nothing, except whose trial runs', async () => {
    const say = await warm();
    const before = await say('a', { trial: 'running' });
    await subject().flush();
    expect(await say('b', { trial: 'urgent' })).toMatchObject({ trialsForMs: 0 });
    const again = await say('a', { trial: 'running' });
    expect(again.trialsForMs).toBe(TTL_MS);
    expect(again.fencingToken).toBeGreaterThan(before.fencingToken);
    await say('a');
    await subject().pass(TTL_MS);
    expect(await say('b', { trial: 'wanted' })).toMatchObject({ trialsForMs: TTL_MS });
  });

  it('bears a report that is carried out twice', async () => {
    const say = await warm();
    const twice: Say = async (node, part) => {
      await say(node, part);
      return say(node, part);
    };
    expect(await twice('a', open())).toMatchObject({ openNodes: 1, isOpen: false });
    await twice('b', open());
    await twice('a', { recoveredAgoMs: 0 });
    expect(await twice('b', { trial: 'wanted' })).toMatchObject({ trialsForMs: TTL_MS, isOpen: false });
    expect(await twice('b')).toMatchObject({ trialsForMs: 0 });
    expect(await twice('c', { trial: 'urgent' })).toMatchObject({ trialsForMs: TTL_MS });
  });
}
