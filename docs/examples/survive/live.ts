import type { CircuitState } from '../../../src/index.ts';
import type { CircuitWatch } from './circuit-watch.ts';
import type { Plan } from './plan.ts';
import { totalMs } from './plan.ts';
import type { Recording } from './recording.ts';
import type { Style, Terminal } from './terminal.ts';
import { count } from './terminal.ts';

const DRAW_MS = 100;
const PLAIN_LINE_MS = 1_000;
/** Columns of everything but the bar, and of a line that has room for all cells. */
const CELLS = 70;
const ROOMY = 76;

const circuitStyles: Readonly<Record<string, Style>> = { closed: 'green', open: 'red', 'half-open': 'yellow' };

export interface LiveOptions {
  readonly title: string;
  readonly plan: Plan;
  readonly recording: Recording;
  readonly circuit: CircuitWatch | undefined;
}

/** Shows how a run goes: one line redrawn in place on a terminal; elsewhere one per second and phase. */
export function showLive(terminal: Terminal, options: LiveOptions): () => void {
  const { isInteractive } = terminal;
  const startMs = performance.now();
  let printedMs = startMs;
  let printedPhases = 0;
  const draw = (): void => {
    const nowMs = performance.now();
    const line = statusLine(terminal, options, nowMs - startMs);
    if (isInteractive) return terminal.redraw(line);
    const { length } = options.recording.phases;
    if (length === printedPhases && nowMs - printedMs < PLAIN_LINE_MS) return;
    printedMs = nowMs;
    printedPhases = length;
    terminal.print(line);
  };
  terminal.hideCursor();
  const timer = setInterval(draw, DRAW_MS);
  return () => {
    clearInterval(timer);
    terminal.showCursor();
  };
}

function statusLine(terminal: Terminal, { title, plan, recording, circuit }: LiveOptions, elapsedMs: number): string {
  const done = Math.min(1, elapsedMs / totalMs(plan));
  const phase = recording.phases.at(-1)?.name ?? 'healthy';
  const bar = terminal.isInteractive ? progressBar(terminal, done) : `${(elapsedMs / 1_000).toFixed(1).padStart(4)} s`;
  return [
    title.padEnd(10),
    bar,
    terminal.paint(phase === 'healthy' ? 'green' : 'red', phase.padEnd(7)),
    circuitCell(terminal, circuit?.state),
    `${count(recording.callsPerSecond).padStart(5)}/s`,
    ...(terminal.columns >= ROOMY ? [`${count(recording.counts.stored).padStart(5)} fallback`] : []),
    terminal.paint(recording.counts.error > 0 ? 'red' : 'green', `${count(recording.counts.error).padStart(4)} err`),
  ].join('  ');
}

function progressBar(terminal: Terminal, done: number): string {
  const size = Math.max(4, Math.min(24, terminal.columns - CELLS));
  const full = Math.round(done * size);
  return '━'.repeat(full) + terminal.paint('dim', '─'.repeat(size - full));
}

function circuitCell(terminal: Terminal, state: CircuitState | undefined): string {
  const text = (state ?? 'none').padEnd(9);
  return terminal.paint(circuitStyles[state ?? ''] ?? 'dim', text);
}
