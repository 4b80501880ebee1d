import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { observeBulkhead } from '../../src/otel/index.ts';
import type { Observation } from '../../src/otel/index.ts';
import { fakeMeter, only } from './kit.ts';

interface Open {
  readonly name: string;
  readonly queued: number;
  readonly rejected: number;
  readonly observation: Observation;
}

/** What a meter must be shown: the sums of what is open, what closed ones counted, and once more at the end: 0 of levels. */
class Model {
  readonly open: Open[] = [];
  readonly past = new Map<string, number>();
  readonly ending = new Set<string>();
  readonly #endsSeries: boolean;

  constructor(endsSeries: boolean) {
    this.#endsSeries = endsSeries;
  }

  add(one: Open): void {
    this.open.push(one);
    this.ending.delete(one.name);
  }

  close(at: number): void {
    const [{ name, rejected, observation }] = this.open.splice(at, 1) as [Open];
    observation.close();
    this.past.set(name, (this.past.get(name) ?? 0) + rejected);
    if (this.open.some((other) => other.name === name)) return;
    if (this.#endsSeries) this.past.delete(name);
    else this.ending.add(name);
  }

  expected(): { queued: Record<string, number>; rejected: Record<string, number> } {
    const queued = new Map([...this.ending].map((name) => [name, 0]));
    const rejected = new Map([...this.ending].map((name) => [name, this.past.get(name) ?? 0]));
    for (const one of this.open) {
      queued.set(one.name, (queued.get(one.name) ?? 0) + one.queued);
      rejected.set(one.name, (rejected.get(one.name) ?? this.past.get(one.name) ?? 0) + one.rejected);
    }
    this.ending.clear();
    return { queued: Object.fromEntries(queued), rejected: Object.fromEntries(rejected) };
  }
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('open' as const),
    name: fc.constantFrom('a', 'b', '__proto__', 'other'),
    queued: fc.nat(9),
    rejected: fc.nat(9),
  }),
  fc.record({ kind: fc.constant('close' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('collect' as const) }),
);

describe('series', () => {
  it('show what is open, whatever is opened, closed and collected in whatever order', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 60 }), (endsSeries, steps) => {
        const { meter, collect, callbacks } = fakeMeter(endsSeries);
        const model = new Model(endsSeries);
        const check = (): void => {
          const { queued, rejected } = model.expected();
          const values = collect();
          expect(only(values, 'holdfast.bulkhead.queued')).toEqual(queued);
          expect(only(values, 'holdfast.bulkhead.rejected')).toEqual(rejected);
        };
        for (const one of steps) {
          if (one.kind === 'collect') check();
          if (one.kind === 'close' && model.open.length > 0) model.close(one.at % model.open.length);
          if (one.kind !== 'open') continue;
          const { name, queued, rejected } = one;
          const stats = { inFlight: 0, queued, rejected };
          const observation = observeBulkhead(meter, { stats: () => stats }, { name });
          model.add({ name, queued, rejected, observation });
        }
        while (model.open.length > 0) model.close(0);
        check();
        check();
        if (endsSeries) expect(callbacks()).toBe(0);
      }),
    );
  });
});
