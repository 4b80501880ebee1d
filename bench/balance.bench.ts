import type * as BalanceModule from '../src/balance/index.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { direct, time } from './support/case.ts';
import { bundled } from './support/size.ts';

type Ours = typeof BalanceModule;
type Create = (ours: Ours, count: number) => BalanceModule.Picker<BalanceModule.Host>;

async function ours(): Promise<Ours> {
  return (await import('holdfast/balance' as string)) as Ours;
}

function hostsOf(count: number): BalanceModule.Host[] {
  return Array.from({ length: count }, (_, k) => ({ id: `host-${k}` }));
}

function picking(name: string, count: number, create: Create): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const picker = create(await ours(), count);
      return direct(() => {
        const lease = picker.pick()!;
        lease.release();
        return true;
      });
    },
  };
}

/** Two draws, two readings of the clock and one object: the least that a choice of two by response time needs. */
const limit: Subject<Loop> = {
  name: 'limit: two draws, two clock reads',
  prepare: () => {
    const costs = new Float64Array(1000).fill(1);
    return direct(() => {
      const [a, b] = [Math.floor(Math.random() * 1000), Math.floor(Math.random() * 1000)];
      const at = costs[a]! < costs[b]! ? a : b;
      const startMs = performance.now();
      const lease = { at, startMs };
      costs[lease.at] = 1 + (performance.now() - lease.startMs) * 1e-9;
      return true;
    });
  },
};

const p2c: Case = {
  kind: 'loop',
  name: 'p2c, pick and release',
  about: 'the better of two hosts drawn by chance, and the end of its call',
  isHot: true,
  expected: true,
  subjects: [
    picking('holdfast, 1000 hosts', 1000, (lib, count) => lib.createP2cEwma(hostsOf(count))),
    picking('holdfast, 10 hosts', 10, (lib, count) => lib.createP2cEwma(hostsOf(count))),
    limit,
  ],
  measures: [
    time(
      { subject: 'holdfast, 1000 hosts', against: 'holdfast, 10 hosts', ratio: 1.15 },
      { subject: 'holdfast, 1000 hosts', against: 'limit: two draws, two clock reads', ratio: 4 },
    ),
  ],
};

/** What a user writes by hand: look at all of them. */
function linear(count: number): Subject<Loop> {
  return {
    name: 'linear scan by hand',
    prepare: () => {
      const inFlight = new Uint32Array(count);
      return direct(() => {
        let best = 0;
        for (let at = 1; at < count; at++) if (inFlight[at]! < inFlight[best]!) best = at;
        inFlight[best]!++;
        inFlight[best]!--;
        return true;
      });
    },
  };
}

const least: Case = {
  kind: 'loop',
  name: 'least connections, 1000 hosts',
  about: 'the host with the fewest calls, and the end of its call',
  expected: true,
  subjects: [picking('holdfast', 1000, (lib, count) => lib.createLeastConnections(hostsOf(count))), linear(1000)],
  measures: [time({ against: 'linear scan by hand', ratio: 1 })],
};

const sizes: Case = {
  kind: 'observed',
  name: 'size of balance',
  about: 'minified and compressed with brotli',
  rounds: 1,
  subjects: [bundled('holdfast', "export { createP2cEwma } from 'holdfast/balance';")],
  measures: [{ name: 'size', unit: 'B', goals: [] }],
};

export const cases: readonly Case[] = [p2c, least, sizes];
