import type { FaultFigures, RunFigures } from './figures.ts';
import type { Plan } from './plan.ts';
import type { Judgement } from './promises.ts';
import type { Terminal } from './terminal.ts';
import { count, wrap } from './terminal.ts';

interface Row {
  readonly label: string;
  readonly cell: (run: RunFigures) => string;
}

const LABEL = 36;
const CELL = 20;

/** The figures of the runs side by side. */
export function table(
  terminal: Terminal,
  runs: readonly { readonly title: string; readonly figures: RunFigures }[],
): string[] {
  const faults = runs[0]!.figures.faults.map(({ fault }) => fault);
  const line = (label: string, cells: readonly string[]): string =>
    `  ${label.padEnd(LABEL)}${cells.map((cell) => cell.padStart(CELL)).join('')}`;
  const rows = (list: readonly Row[]): string[] =>
    list.map(({ label, cell }) =>
      line(
        label,
        runs.map(({ figures }) => cell(figures)),
      ),
    );
  const perFault = (label: (fault: string) => string, cell: (fault: FaultFigures) => string): Row[] =>
    faults.map((fault, k) => ({ label: label(fault), cell: (run) => cell(run.faults[k]!) }));
  return [
    terminal.paint(
      'bold',
      line(
        '',
        runs.map(({ title }) => title),
      ),
    ),
    ...rows(callerRows),
    '',
    ...rows(
      perFault(
        (fault) => `attempts sent while ${fault}`,
        ({ attempts }) => count(attempts),
      ),
    ),
    ...rows([{ label: 'attempts per call, most in a fault', cell: mostAmplification }]),
    '',
    ...rows(perFault((fault) => `back from ${fault}: first / full rate`, recovery)),
    '',
    ...rows(leakRows),
  ];
}

const callerRows: readonly Row[] = [
  { label: 'calls made', cell: ({ calls }) => count(calls) },
  { label: '  answered by the service', cell: ({ fresh }) => count(fresh) },
  { label: '  answered by the fallback', cell: ({ stored }) => count(stored) },
  { label: '  errors the callers saw', cell: ({ errors }) => count(errors) },
  {
    label: 'latency p50 / p99 / worst, ms',
    cell: ({ latencyMs: { p50, p99, worst } }) =>
      [p50, p99, worst].map((ms) => (ms < 1 ? '<1' : count(Math.round(ms)))).join(' / '),
  },
];

const leakRows: readonly Row[] = [
  {
    label: 'left: handles / listeners / sockets',
    cell: ({ leaks }) => [leaks.handles.length, leaks.listeners, leaks.sockets].map(count).join(' / '),
  },
  { label: 'unhandled rejections', cell: ({ leaks }) => count(leaks.unhandledRejections) },
];

function mostAmplification({ faults }: RunFigures): string {
  return Math.max(0, ...faults.map(({ amplification }) => amplification ?? 0)).toFixed(2);
}

function recovery({ firstFreshMs, fullRateMs }: FaultFigures): string {
  const inWords = (ms: number | null): string => (ms === null ? 'never' : `${count(ms)} ms`);
  return `${inWords(firstFreshMs)} / ${inWords(fullRateMs)}`;
}

/** The promises, each with what was seen. */
export function verdicts(terminal: Terminal, judgements: readonly Judgement[]): string[] {
  return judgements.flatMap(({ promise, verdict, detail }) => {
    const mark = {
      kept: terminal.paint('green', '✔'),
      broken: terminal.paint('red', '✘ BROKEN:'),
      'not judged': '– not judged:',
    }[verdict];
    const details = wrap(detail, terminal.columns - 6).map((text) => `      ${terminal.paint('dim', text)}`);
    return [`  ${mark} ${promise}`, ...details];
  });
}

export interface Introduction {
  readonly plan: Plan;
  readonly seed: number;
  readonly leaveOut: string | undefined;
  /** Who calls, in order. */
  readonly kinds: readonly ('holdfast' | 'bare')[];
}

/** What is about to happen, in plain words. */
export function introduction({ plan, seed, leaveOut, kinds }: Introduction, width: number): string[] {
  const script =
    `${plan.callers} callers keep asking a price service on loopback, over real sockets. It is made slow ` +
    `(answers take ${plan.slowAnswerMs} ms), killed (SIGKILL) and restarted, hung (SIGSTOP) and woken; ` +
    `${plan.flakyRate * 100} % of its answers are 503s throughout.`;
  const layers = [
    ['fallback', 'fallback to the last price seen'],
    ['timeout', `timeout ${plan.timeoutMs} ms`],
    ['retry', 'retry with a budget'],
    ['breaker', 'circuit breaker'],
    ['bulkhead', `bulkhead ${plan.maxConcurrent}`],
  ].filter(([name]) => name !== leaveOut);
  const kindTexts = {
    holdfast: `holdfast: ${layers.map(([, text]) => text).join(' > ')}.`,
    bare: `bare calls: a client timeout of ${plan.bareTimeoutMs} ms, nothing else.`,
  };
  const [first, second] = kinds.map((kind) => kindTexts[kind]);
  const texts = [
    script,
    `The callers go through ${first}`,
    ...(second ? [`Then the same script again, seed ${seed}, with ${second}`] : []),
  ];
  return texts.flatMap((text) => wrap(text, width - 2)).map((line) => `  ${line}`);
}
