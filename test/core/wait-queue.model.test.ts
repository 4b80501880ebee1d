import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Scope } from '../../src/core/scope.ts';
import { WaitQueue } from '../../src/core/wait-queue.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { openBranch } from './open-scope.ts';
import { RecordingWaiter } from './recording-waiter.ts';

interface Entry {
  readonly id: number;
  readonly priority: number;
  readonly deadlineMs: number;
}

/** Obviously right: arrays that are sorted and filtered anew for each question. */
class Model {
  nowMs = 0;
  arrived = 0;
  entries: readonly Entry[] = [];
  readonly log: string[] = [];

  push(priority: number, deadlineMs: number): number {
    this.entries = [...this.entries, { id: this.arrived, priority, deadlineMs }];
    return this.arrived++;
  }

  get next(): number | undefined {
    return [...this.entries].sort((a, b) => b.priority - a.priority || a.id - b.id)[0]?.id;
  }

  get dated(): number {
    return this.entries.filter((entry) => entry.deadlineMs < Infinity).length;
  }

  leave(id: number | undefined): boolean {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.id !== id);
    return this.entries.length < before;
  }

  expire(): void {
    const due = this.entries.filter((entry) => entry.deadlineMs <= this.nowMs);
    for (const { id } of due.sort((a, b) => a.deadlineMs - b.deadlineMs || a.id - b.id)) {
      this.leave(id);
      this.log.push(`${id} expired`);
    }
  }
}

class Real {
  readonly clock = createVirtualClock();
  readonly queue = new WaitQueue<RecordingWaiter>(this.clock);
  readonly log: string[] = [];
  readonly waiters: RecordingWaiter[] = [];
  readonly scopes: Scope[] = [];

  push(priority: number, deadlineMs: number): void {
    const waiter = new RecordingWaiter(this.waiters.length, this.log);
    const scope = openBranch();
    this.waiters.push(waiter);
    this.scopes.push(scope);
    this.queue.push(waiter, { priority, deadlineMs, scope });
  }
}

type Command = fc.AsyncCommand<Model, Real>;

function command(name: string, act: (model: Model, real: Real) => Promise<void> | void): Command {
  return {
    check: () => true,
    toString: () => name,
    async run(model, real) {
      await act(model, real);
      expect(real.log).toEqual(model.log);
      expect(real.queue.length).toBe(model.entries.length);
      expect(real.queue.peek()?.id).toBe(model.next);
      expect(real.clock.pendingTimers).toBe(model.dated > 0 ? 1 : 0);
    },
  };
}

const pushed = fc
  .record({ priority: fc.integer({ min: -2, max: 2 }), waitMs: fc.constantFrom(0, 1, 3, 3, 10, 50, Infinity) })
  .map(({ priority, waitMs }) =>
    command(`push(${priority}, in ${waitMs} ms)`, (model, real) => {
      model.push(priority, model.nowMs + waitMs);
      real.push(priority, model.nowMs + waitMs);
    }),
  );

const shifted = fc.constant(null).map(() =>
  command('shift', (model, real) => {
    const wanted = model.next;
    model.leave(wanted);
    expect(real.queue.shift()?.id).toBe(wanted);
  }),
);

const removed = fc.nat().map((n) =>
  command(`remove(${n})`, (model, real) => {
    if (model.arrived === 0) return;
    const id = n % model.arrived;
    expect(real.queue.remove(real.waiters[id]!)).toBe(model.leave(id));
  }),
);

const aborted = fc.nat().map((n) =>
  command(`abort(${n})`, (model, real) => {
    if (model.arrived === 0) return;
    const id = n % model.arrived;
    if (model.leave(id)) model.log.push(`${id} gave up: enough`);
    real.scopes[id]!.abort('enough');
  }),
);

const advanced = fc.constantFrom(0, 1, 2, 3, 10, 100).map((ms) =>
  command(`advance(${ms})`, async (model, real) => {
    model.nowMs += ms;
    model.expire();
    await real.clock.advance(ms);
  }),
);

const jumped = fc.constantFrom(-20, -1, 1, 20).map((ms) =>
  command(`clock jumps by ${ms}`, (model, real) => {
    model.nowMs += ms;
    real.clock.setNow(model.nowMs);
  }),
);

it('serves by priority and arrival and expires by deadline, whatever comes, leaves, aborts and jumps', async () => {
  const commands = fc.commands([pushed, pushed, pushed, shifted, removed, aborted, advanced, jumped], {
    size: 'large',
  });
  await fc.assert(
    fc.asyncProperty(commands, async (list) => {
      await fc.asyncModelRun(() => ({ model: new Model(), real: new Real() }), list);
    }),
  );
});
