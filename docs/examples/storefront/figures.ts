import { count } from '../survive/terminal.ts';
import type { Message } from './messages.ts';
import { ofType } from './promises.ts';
import type { Recording, Served } from './recording.ts';

/** Figures of a run, in words. */
export function figuresOf(recording: Recording, messages: readonly Message[]): readonly (readonly [string, string])[] {
  const { served, orders } = recording;
  const own = served.filter(({ kind }) => kind !== 'greedy');
  const failed = own.filter(({ result }) => result === 'failed').length;
  const turnedAway = orders.filter(({ isTurnedAway }) => isTurnedAway).length;
  const refused = orders.filter(({ told }) => told === 'refused');
  const sagas = ofType(messages, 'saga').map(({ what }) => what);
  const times = (what: string): number => sagas.filter((one) => one === what).length;
  const lookups = ofType(messages, 'lookup').length;
  const pages = served.filter(({ kind }) => kind === 'page' || kind === 'greedy').length;
  const expired = ofType(messages, 'expired').reduce((sum, message) => sum + message.count, 0);
  const openings = ofType(messages, 'circuit').filter(({ to }) => to === 'open').length;
  return [
    ['requests of the buyers', `${count(own.length)}, ${count(failed)} of them failed`],
    ['pages p50 / p99, ms', quantiles(served.filter(({ kind }) => kind === 'page'))],
    ['checkouts p50 / p99, ms', quantiles(served.filter(({ kind }) => kind === 'checkout'))],
    ['lookups in the database', `${count(lookups)} for ${count(pages)} pages asked for`],
    ['buyers turned away by a page', count(turnedAway)],
    ['orders refused', reasons(refused.map(({ reason }) => reason?.replace(/ shop-\d > /, ' ') ?? 'unknown'))],
    ['sagas taken up again, after a death or a wait', count(times('resumed'))],
    ['reservations that expired', count(expired)],
    ['openings of circuits', count(openings)],
  ];
}

function quantiles(served: readonly Served[]): string {
  const sorted = served.map(({ startMs, endMs }) => endMs - startMs).sort((a, b) => a - b);
  const at = (share: number): string => count(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  return `${at(0.5)} / ${at(0.99)}`;
}

/** The most frequent reasons first. */
function reasons(all: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of all) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, 4);
  return `${count(all.length)}: ${sorted.map(([reason, times]) => `${times} ${reason}`).join(', ')}`;
}
