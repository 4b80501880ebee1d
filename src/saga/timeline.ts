import type { LogEntry, LogEntryType } from './saga-store.ts';

/** What an entry says, in a few words. */
const words = (type: LogEntryType): string =>
  ({
    completed: 'done',
    skipped: 'left out',
    failed: 'failed',
    unknown: 'interrupted, outcome unknown',
    decided: 'decided',
    waiting: 'waits',
    compensating: 'turns back',
    compensated: 'undone',
    'compensation-failed': 'undoing failed',
    stuck: 'stuck',
    retried: 'retried by hand',
    resolved: 'resolved by hand',
  })[type];

/** As much of an error or a result as fits. */
const DATA_LIMIT = 60;

/**
 * Tells the story of a saga, a line for each entry of its log: when, at which step, what happened, and, where the saga
 * changed hands, that another process went on.
 *
 * Takes what `history` of a runner answers. Costs O(entries).
 *
 * @example
 * ```ts
 * import { createSagaRunner, memorySagaStore, saga, timeline } from 'holdfast/saga';
 *
 * const greet = saga('greet').step('say', { run: () => 'hello' });
 * await using runner = createSagaRunner({ store: memorySagaStore(), sagas: [greet] });
 * await (await runner.start(greet, undefined, { id: 'greeting-2' })).result();
 * console.log(timeline(await runner.history('greeting-2'))); // +0 ms  say  done  "hello"
 * ```
 */
export function timeline(log: readonly LogEntry[]): string {
  const startMs = log[0]?.atMs ?? 0;
  const times = log.map(({ atMs }) => `+${atMs - startMs} ms`);
  const paths = log.map(({ path }) => path || '(saga)');
  const [timeWidth, pathWidth] = [widest(times), widest(paths)];
  let fence = log[0]?.fence ?? 0;
  return log
    .flatMap((entry, k) => {
      const line = [times[k]!.padStart(timeWidth), paths[k]!.padEnd(pathWidth), textOf(entry)].join('  ');
      const isTaken = entry.fence !== fence;
      fence = entry.fence;
      return isTaken ? [`${' '.repeat(timeWidth)}  -- taken up again, fence ${fence} --`, line] : [line];
    })
    .join('\n');
}

function widest(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, text.length), 0);
}

function textOf({ type, attempt, data }: LogEntry): string {
  const again = attempt > 1 ? ` (attempt ${attempt})` : '';
  return `${words(type)}${again}${data === null || type === 'skipped' ? '' : `  ${shortened(data)}`}`;
}

/** Of an error its message; of everything else the stored text. */
function shortened(data: string): string {
  const value: unknown = JSON.parse(data);
  const message: unknown = Object(value) === value ? (value as { readonly message?: unknown }).message : undefined;
  const text = typeof message === 'string' ? message : data;
  return text.length <= DATA_LIMIT ? text : `${text.slice(0, DATA_LIMIT - 1)}…`;
}
