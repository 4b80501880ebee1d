import type { Style, Terminal } from '../survive/terminal.ts';
import { count } from '../survive/terminal.ts';
import type { Recording } from './recording.ts';
import type { Series } from './series.ts';

const LABEL = 19;
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** How many columns of a run the terminal has room for. */
export function columnsOf(terminal: Terminal): number {
  return terminal.columns - LABEL - 4;
}

/** What the buyers got over time, what was broken meanwhile, and what the circuits did about it. */
export function picture(terminal: Terminal, recording: Recording, series: Series): readonly string[] {
  const { requests, orders, stale, circuits } = series;
  const line = (label: string, text: string): string => `  ${label.padEnd(LABEL)}${text}`;
  const row = (label: string, values: readonly number[], style: Style): string =>
    line(
      `${label} ${count(Math.round(Math.max(...values))).padStart(LABEL - label.length - 3)}`,
      bars(terminal, values, style),
    );
  return [
    ...faultLines(terminal, recording, series).map((text, k) => line(k === 0 ? 'faults' : '', text)),
    '',
    line('', terminal.paint('dim', 'requests a second, and the most of each kind')),
    row('answered', requests.ok, 'green'),
    row('  old pages', stale, 'cyan'),
    row('over limit', requests.limited, 'yellow'),
    row('failed', requests.failed, 'red'),
    line('', terminal.paint('dim', 'orders a second')),
    row('confirmed', orders.confirmed, 'green'),
    row('refused', orders.refused, 'yellow'),
    line('', terminal.paint('dim', 'circuits: ─ closed, ╳ open, ? half-open')),
    ...circuits.map(({ name, states }) => line(name, states.map((state) => mark(terminal, state)).join(''))),
  ];
}

function bars(terminal: Terminal, values: readonly number[], style: Style): string {
  const most = Math.max(...values) || 1;
  const cells = values.map((value) => {
    if (value === 0) return terminal.paint('dim', '·');
    return terminal.paint(style, LEVELS[Math.round((value / most) * (LEVELS.length - 1))]!);
  });
  return cells.join('');
}

function mark(terminal: Terminal, state: string): string {
  if (state === 'closed') return terminal.paint('green', '─');
  return state === 'open' ? terminal.paint('red', '╳') : terminal.paint('yellow', '?');
}

/** A bar for each fault, and its name on one of two lines, so that short faults do not swallow their names. */
function faultLines(
  terminal: Terminal,
  { phases }: Recording,
  { startMs, sliceMs, slices }: Series,
): readonly string[] {
  const columnOf = (ms: number): number => Math.min(slices, Math.max(0, Math.round((ms - startMs) / sliceMs)));
  const faults = phases.filter(({ name }) => name !== 'calm');
  const lines = [0, 1].map((turn) => {
    let text = '';
    for (const [k, { name, startMs: fromMs, endMs }] of faults.entries()) {
      const from = columnOf(fromMs);
      if (k % 2 !== turn || from < text.length) continue;
      const size = Math.max(1, columnOf(endMs) - from);
      const label = name.length > size ? name : name.padEnd(size, '▔');
      text = text.padEnd(from) + label;
    }
    return text.slice(0, slices);
  });
  return lines.filter((text) => text !== '').map((text) => terminal.paint(['red', 'bold'], text));
}
