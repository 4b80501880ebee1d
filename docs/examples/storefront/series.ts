import type { Message } from './messages.ts';
import { ofType } from './promises.ts';
import type { Recording, SeenOrder, Served } from './recording.ts';

/** A run as it is drawn, in slices of equal length. */
export interface Series {
  readonly startMs: number;
  readonly sliceMs: number;
  readonly slices: number;
  /** A second, in each slice. */
  readonly requests: Readonly<Record<Served['result'], readonly number[]>>;
  readonly orders: Readonly<Record<'confirmed' | 'refused', readonly number[]>>;
  readonly stale: readonly number[];
  readonly circuits: readonly CircuitSeries[];
}

export interface CircuitSeries {
  readonly name: string;
  readonly states: readonly string[];
}

export function seriesOf(recording: Recording, messages: readonly Message[], slices: number): Series {
  const { startMs, served, orders } = recording;
  const told = orders.filter(({ toldMs }) => toldMs < Infinity);
  const endMs = Math.max(recording.endMs, ...told.map(({ toldMs }) => toldMs));
  const sliceMs = Math.max(1, (endMs - startMs) / slices);
  const rate = (times: readonly number[]): readonly number[] => {
    const counts = new Array<number>(slices).fill(0);
    for (const atMs of times) {
      const slice = Math.min(slices - 1, Math.max(0, Math.floor((atMs - startMs) / sliceMs)));
      counts[slice]!++;
    }
    return counts.map((n) => (n * 1_000) / sliceMs);
  };
  const results = (result: Served['result']): readonly number[] =>
    rate(served.filter((one) => one.result === result).map((one) => one.endMs));
  const outcomes = (outcome: SeenOrder['told']): readonly number[] =>
    rate(told.filter((order) => order.told === outcome).map(({ toldMs }) => toldMs));
  return {
    startMs,
    sliceMs,
    slices,
    requests: { ok: results('ok'), limited: results('limited'), failed: results('failed') },
    orders: { confirmed: outcomes('confirmed'), refused: outcomes('refused') },
    stale: rate(ofType(messages, 'stale-page').map(({ atMs }) => atMs)),
    circuits: circuitsOf(messages, { startMs, sliceMs, slices }),
  };
}

function circuitsOf(
  messages: readonly Message[],
  { startMs, sliceMs, slices }: Pick<Series, 'startMs' | 'sliceMs' | 'slices'>,
): readonly CircuitSeries[] {
  const changes = [...ofType(messages, 'circuit')].sort((a, b) => a.atMs - b.atMs);
  const names = [...new Set(changes.map(({ name }) => name))].sort();
  return names.map((name) => ({
    name,
    states: Array.from({ length: slices }, (_, k) => stateAt(changes, name, startMs + k * sliceMs, sliceMs)),
  }));
}

/** The worst state within a slice, so that a short opening is seen. */
function stateAt(
  changes: readonly { name: string; to: string; atMs: number }[],
  name: string,
  fromMs: number,
  ms: number,
): string {
  const own = changes.filter((change) => change.name === name && change.atMs < fromMs + ms);
  const before = own.filter(({ atMs }) => atMs < fromMs).at(-1)?.to ?? 'closed';
  const states = [before, ...own.filter(({ atMs }) => atMs >= fromMs).map(({ to }) => to)];
  return ['open', 'half-open'].find((state) => states.includes(state)) ?? 'closed';
}
