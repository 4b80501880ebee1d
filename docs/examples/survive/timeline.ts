import type { CircuitBreakerEvent } from '../../../src/index.ts';
import type { CircuitWatch } from './circuit-watch.ts';
import type { Plan } from './plan.ts';
import { totalMs } from './plan.ts';
import { LATENCY_SLACK_MS } from './promises.ts';
import type { AnswerKind, Recording } from './recording.ts';
import type { Style, Terminal } from './terminal.ts';

const LABEL = 12;
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/** A full block stands for the columns that are this far up, so that one burst does not dwarf the rest. */
const FULL_SCALE = 0.9;

export interface TimelineRun {
  readonly title: string;
  readonly recording: Recording;
  readonly circuit: CircuitWatch | undefined;
}

/** A slice of a phase: from and to are parts of it. */
interface Column {
  readonly phase: number;
  readonly from: number;
  readonly to: number;
}

interface Slice {
  readonly fromMs: number;
  readonly toMs: number;
}

type Rates = Readonly<Record<AnswerKind, readonly number[]>>;

/** What the callers got over time, one row per kind of answer, drawn to one scale for all runs. */
export function timeline(terminal: Terminal, plan: Plan, runs: readonly TimelineRun[]): string[] {
  const columns = columnsOf(plan, terminal.columns - LABEL - 2);
  const slices = runs.map(({ recording }) => slicesOf(recording, columns));
  const rates = runs.map(({ recording }, k) => ratesOf(recording, slices[k]!));
  const most = fullScale(rates);
  const patienceMs = plan.timeoutMs + LATENCY_SLACK_MS;
  const line = (label: string, text: string): string => `  ${label.padEnd(LABEL - 2)}${text}`;
  const row = (label: string, values: readonly number[], whole: number, style: Style): string =>
    line(label, values.map((value) => cell(terminal, value, whole, style)).join(''));
  return [
    line('service', header(terminal, plan, columns)),
    ...runs.flatMap(({ title, recording, circuit }, k) => [
      '',
      `  ${terminal.paint('bold', title)}`,
      ...(circuit ? [line('circuit', circuitRow(terminal, circuit.events, slices[k]!))] : []),
      row('fresh', rates[k]!.fresh, most, 'green'),
      ...(circuit || rates[k]!.stored.some((rate) => rate > 0)
        ? [row('fallback', rates[k]!.stored, most, 'yellow')]
        : []),
      row('errors', rates[k]!.error, most, 'red'),
      row('stuck', stuckOf(recording, slices[k]!, patienceMs), plan.callers, 'magenta'),
    ]),
    '',
    line('', terminal.paint('dim', 'circuit: ─ closed, ╳ open, ? half-open')),
    line('', terminal.paint('dim', `stuck: callers who have waited for more than ${patienceMs} ms`)),
  ];
}

/** Each phase gets columns by its planned length, so that the runs stand under each other. */
function columnsOf(plan: Plan, width: number): Column[] {
  return plan.phases.flatMap(({ ms }, phase) => {
    const size = Math.max(1, Math.floor((ms / totalMs(plan)) * width));
    return Array.from({ length: size }, (_, k) => ({ phase, from: k / size, to: (k + 1) / size }));
  });
}

function slicesOf({ phases }: Recording, columns: readonly Column[]): Slice[] {
  return columns.map(({ phase, from, to }) => {
    const { startMs, endMs } = phases[phase]!;
    return { fromMs: startMs + from * (endMs - startMs), toMs: startMs + to * (endMs - startMs) };
  });
}

function header(terminal: Terminal, plan: Plan, columns: readonly Column[]): string {
  return plan.phases
    .map(({ name }, phase) => {
      const size = columns.filter((column) => column.phase === phase).length;
      const text = (name === 'healthy' ? 'ok' : name.toUpperCase()).slice(0, size - 1).padEnd(size);
      return name === 'healthy' ? terminal.paint('dim', text) : terminal.paint(['red', 'bold'], text);
    })
    .join('');
}

function circuitRow(terminal: Terminal, events: readonly CircuitBreakerEvent[], slices: readonly Slice[]): string {
  const marks = {
    closed: terminal.paint('green', '─'),
    open: terminal.paint('red', '╳'),
    'half-open': terminal.paint('yellow', '?'),
  };
  return slices
    .map(({ fromMs, toMs }) => {
      const state = events.filter(({ atMs }) => atMs <= (fromMs + toMs) / 2).at(-1)?.to ?? 'closed';
      return marks[state as keyof typeof marks];
    })
    .join('');
}

/** Calls per millisecond that ended in each slice. */
function ratesOf({ calls }: Recording, slices: readonly Slice[]): Rates {
  const ratesOfKind = (kind: AnswerKind): number[] =>
    slices.map(({ fromMs, toMs }) => {
      const ended = calls.filter((call) => call.kind === kind && call.endMs >= fromMs && call.endMs < toMs);
      return ended.length / (toMs - fromMs);
    });
  return { fresh: ratesOfKind('fresh'), stored: ratesOfKind('stored'), error: ratesOfKind('error') };
}

/** Calls that in the middle of each slice had been under way for more than `patienceMs`. */
function stuckOf({ calls }: Recording, slices: readonly Slice[], patienceMs: number): number[] {
  return slices.map(({ fromMs, toMs }) => {
    const atMs = (fromMs + toMs) / 2;
    return calls.filter(({ endMs, latencyMs }) => endMs > atMs && endMs - latencyMs < atMs - patienceMs).length;
  });
}

function fullScale(rates: readonly Rates[]): number {
  const all = rates.flatMap(({ fresh, stored, error }) => fresh.map((rate, k) => rate + stored[k]! + error[k]!));
  const sorted = all.sort((a, b) => a - b);
  return sorted[Math.floor(FULL_SCALE * (sorted.length - 1))] || 1;
}

function cell(terminal: Terminal, value: number, whole: number, style: Style): string {
  if (value === 0) return terminal.paint('dim', '·');
  const level = Math.round((value / whole) * (LEVELS.length - 1));
  return terminal.paint(style, LEVELS[Math.min(LEVELS.length - 1, level)]!);
}
