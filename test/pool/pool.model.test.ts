import fc from 'fast-check';
import { expect, it } from 'vitest';
import { flush } from '../support/gate.ts';
import type { Manner } from './world.ts';
import { World } from './world.ts';

/** What a pool has to be, whatever it does: as few words as possible about how it does it. */
class Model {
  before = 0;

  check(world: World): void {
    const { pool, items } = world;
    const stats = pool.stats();
    const waiting = world.of('waiting');
    const holding = world.of('holding');
    const { size, idle, inUse, creating, testing, destroying, created, destroyed } = stats;
    expect(size).toBe(creating + idle + inUse + testing + destroying);
    expect(size).toBeLessThanOrEqual(Math.max(world.max, this.before));
    this.before = size;
    expect(created).toBe(destroyed + idle + inUse + testing + destroying);
    expect(inUse).toBe(holding.length);
    expect(stats.waiting).toBe(waiting.length);
    // What nobody has heard of yet, or not any more, is late and does not count.
    expect(items.filter(({ state }) => state === 'alive').length).toBeGreaterThanOrEqual(idle + inUse);
    for (const { deadlineMs } of waiting) expect(deadlineMs).toBeGreaterThan(world.clock.now());
    // One timer is that of the deadlines; another one may be that of a pause between creates.
    const isComing = creating > 0 || testing >= waiting.length || size >= stats.max || world.clock.pendingTimers > 1;
    expect(waiting.length === 0 || testing > 0 || idle === 0, 'nobody waits beside an idle resource').toBe(true);
    expect(waiting.length === 0 || isComing || world.isClosed, 'nobody waits for nothing').toBe(true);
    for (const { signal, state } of world.borrowers) {
      if (signal) expect(signal.listeners).toBe(state === 'waiting' ? 1 : 0);
    }
  }
}

type Step = fc.AsyncCommand<Model, World>;

function step(name: string, can: (world: World) => boolean, act: (world: World) => void | Promise<void>): Step {
  return {
    check: () => true,
    async run(model, world) {
      if (!can(world)) return;
      const line = world.line(world.of('waiting'));
      await act(world);
      await flush();
      const served = world.granted.filter((borrower) => line.includes(borrower));
      const stayed = line.filter((borrower) => borrower.state !== 'failed');
      // The newcomers of this step may come first by priority alone.
      expect(served, 'served in their order').toEqual(stayed.slice(0, served.length));
      world.granted = [];
      model.check(world);
    },
    toString: () => name,
  };
}

const pick = <E>(list: readonly E[], at: number): E => list[at % list.length]!;
const always = (): boolean => true;

const steps = [
  fc
    .record({ priority: fc.nat(2), timeoutMs: fc.constantFrom(20, 200, 5_000), hasSignal: fc.boolean() })
    .map((o) =>
      step(`acquire ${fc.stringify(o)}`, always, (world) => world.acquire(o.priority, o.timeoutMs, o.hasSignal)),
    ),
  fc.constant(step('tryAcquire', always, (world) => world.tryAcquire())),
  fc
    .tuple(fc.nat(), fc.constantFrom('release' as const, 'release' as const, 'destroy' as const, 'break' as const))
    .map(([at, how]) =>
      step(
        `${how} ${at}`,
        (world) => world.of('holding').length > 0,
        (world) => world.giveBack(pick(world.of('holding'), at), how),
      ),
    ),
  fc.nat().map((at) =>
    step(
      `abort ${at}`,
      (world) => world.of('waiting').some(({ signal }) => signal),
      (world) =>
        pick(
          world.of('waiting').filter(({ signal }) => signal),
          at,
        ).signal?.abort('enough'),
    ),
  ),
  fc.tuple(fc.nat(), fc.integer({ min: 0, max: 3 })).map(([at, luck]) =>
    step(
      `settle ${at} ${luck > 0}`,
      (world) => world.held.length > 0,
      (world) => world.held.splice(at % world.held.length, 1)[0]!.gate.open(luck > 0),
    ),
  ),
  fc.constantFrom(1, 10, 60, 700).map((ms) => step(`advance ${ms}`, always, (world) => world.clock.advance(ms))),
  fc.boolean().map((isDown) => step(`down ${isDown}`, always, (world) => void (world.isDown = isDown))),
  fc.boolean().map((isInvalid) => step(`invalid ${isInvalid}`, always, (world) => void (world.isInvalid = isInvalid))),
  fc.integer({ min: 1, max: 4 }).map((max) =>
    step(`resize ${max}`, always, (world) => {
      world.max = max;
      world.pool.resize({ max, min: 0, minIdle: 0 });
    }),
  ),
  fc.constant(
    step('clear', always, (world) => {
      world.clears++;
      world.pool.clear();
    }),
  ),
  fc.nat(5).map((count) =>
    step(
      'warm',
      ({ max }) => count <= max,
      (world) => void world.pool.warm(count).catch(() => {}),
    ),
  ),
  fc.boolean().map((drain) =>
    step(
      `close ${drain}`,
      (world) => world.borrowers.length > 8,
      (world) => {
        world.isClosed = true;
        world.closing = world.pool.close({ drain });
      },
    ),
  ),
];

const manner = fc.constantFrom<Manner>('sync', 'async', 'held', 'held');

const worlds = fc.record({
  create: manner,
  destroy: manner,
  validate: fc.constantFrom<Manner | 'none'>('none', 'sync', 'async', 'held'),
  reset: fc.constantFrom<Manner | 'none'>('none', 'none', 'sync', 'async', 'held'),
  pool: fc.record(
    {
      max: fc.integer({ min: 1, max: 4 }),
      minIdle: fc.constantFrom(0, 1),
      createTimeoutMs: fc.constant(300),
      destroyTimeoutMs: fc.constant(300),
      validateTimeoutMs: fc.constant(30),
      resetTimeoutMs: fc.constant(30),
      validateAfterIdleMs: fc.constantFrom(0, 5, 100),
      idleTimeoutMs: fc.constantFrom(50, Infinity),
      maxLifetimeMs: fc.constantFrom(150, Infinity),
      maxUses: fc.constantFrom(2, Infinity),
      idleOrder: fc.constantFrom('lifo' as const, 'fifo' as const),
      growth: fc.constantFrom('adaptive' as const, 'eager' as const),
      maxConcurrentCreates: fc.constantFrom(1, Infinity),
      onCreateFailure: fc.constantFrom('wait' as const, 'fail' as const),
    },
    { requiredKeys: ['max', 'createTimeoutMs', 'destroyTimeoutMs', 'validateTimeoutMs', 'resetTimeoutMs'] },
  ),
});

/** Lets everything end, and looks at what is left. */
async function end(world: World): Promise<void> {
  world.closing ??= world.pool.close();
  for (const borrower of world.of('holding')) world.giveBack(borrower, 'release');
  await world.clock.advance(10_000);
  for (const borrower of world.of('holding')) world.giveBack(borrower, 'release');
  for (let k = 0; k < 20 && world.held.length > 0; k++) {
    for (const { gate } of world.held.splice(0)) gate.open(true);
    await world.clock.advance(1_000);
  }
  await world.closing;
  const { size, waiting, created, destroyed } = world.pool.stats();
  expect([size, waiting, created - destroyed, world.clock.pendingTimers]).toEqual([0, 0, 0, 0]);
  for (const { state } of world.items) expect(state, 'destroyed').not.toBe('alive');
  for (const { signal, state } of world.borrowers) {
    expect(state).not.toBe('waiting');
    expect(signal?.listeners ?? 0).toBe(0);
  }
}

it('a pool keeps its bound, its order and its count, and wastes no chance, whatever happens in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, fc.commands(steps, { size: '+1' }), async (options, commands) => {
      const world = new World(options);
      await fc.asyncModelRun(() => ({ model: new Model(), real: world }), commands);
      await end(world);
    }),
  );
});
