import { constants } from 'node:os';
import type { CircuitWatch } from './circuit-watch.ts';
import { figuresOf } from './figures.ts';
import type { RunFigures } from './figures.ts';
import { showLive } from './live.ts';
import type { DemoOptions } from './options.ts';
import { help, readOptions } from './options.ts';
import { planOf } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Judgement } from './promises.ts';
import { judge } from './promises.ts';
import type { Recording } from './recording.ts';
import { introduction, table, verdicts } from './report.ts';
import { runScript } from './run.ts';
import { Terminal } from './terminal.ts';
import { timeline } from './timeline.ts';

type Kind = 'holdfast' | 'bare';

interface Run {
  readonly kind: Kind;
  readonly title: string;
  readonly recording: Recording;
  readonly circuit: CircuitWatch | undefined;
  readonly figures: RunFigures;
}

/** Runs the demo and resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions | 'help';
  try {
    options = readOptions(args);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (options === 'help') {
    console.log(help);
    return 0;
  }
  if (process.platform === 'win32') {
    console.error('this demo freezes a process with SIGSTOP, which Windows does not have');
    return 2;
  }
  return demonstrate(options);
}

async function demonstrate(options: DemoOptions): Promise<number> {
  // With --json, standard output belongs to the data.
  const terminal = new Terminal(options.isJson ? process.stderr : process.stdout);
  const isQuiet = options.isJson && !terminal.isInteractive;
  endOnSignals(terminal);
  const plan = planOf(options.isFast);
  const kinds = kindsOf(options);
  if (!isQuiet) {
    const { leaveOut, seed } = options;
    terminal.print();
    for (const line of introduction({ plan, seed, leaveOut, kinds }, terminal.columns)) terminal.print(line);
    terminal.print();
  }
  const runs: Run[] = [];
  for (const kind of kinds) runs.push(await runKind(kind, plan, options, isQuiet ? undefined : terminal));
  const judgements = judge(runs[0]!.figures, plan);
  if (options.isJson) console.log(JSON.stringify(dataOf(options, runs, judgements), undefined, 2));
  else printReport(terminal, plan, runs, judgements);
  return judgements.some(({ verdict }) => verdict === 'broken') ? 1 : 0;
}

function kindsOf({ isWithout, leaveOut }: DemoOptions): readonly Kind[] {
  if (isWithout) return ['bare'];
  return leaveOut ? ['holdfast'] : ['holdfast', 'bare'];
}

async function runKind(kind: Kind, plan: Plan, options: DemoOptions, terminal: Terminal | undefined): Promise<Run> {
  const { leaveOut, seed } = options;
  const title = kind === 'bare' ? 'bare calls' : leaveOut ? `no ${leaveOut}` : 'holdfast';
  const result = await runScript(kind, {
    plan,
    seed,
    leaveOut,
    show: (recording, circuit) => (terminal ? showLive(terminal, { title, plan, recording, circuit }) : () => {}),
  });
  const { recording, circuit } = result;
  return { kind, title, recording, circuit, figures: figuresOf(result) };
}

function printReport(terminal: Terminal, plan: Plan, runs: readonly Run[], judgements: readonly Judgement[]): void {
  const broken = judgements.filter(({ verdict }) => verdict === 'broken').length;
  const kept = judgements.filter(({ verdict }) => verdict === 'kept').length;
  if (!terminal.isInteractive) terminal.print();
  terminal.print(terminal.paint('bold', '  What the callers got, over time'));
  terminal.print();
  for (const line of timeline(terminal, plan, runs)) terminal.print(line);
  terminal.print();
  for (const line of table(terminal, runs)) terminal.print(line);
  terminal.print();
  terminal.print(
    terminal.paint(
      'bold',
      `  Promises of holdfast, as seen in ${runs[0]!.kind === 'bare' ? 'the bare calls' : 'this run'}`,
    ),
  );
  terminal.print();
  for (const line of verdicts(terminal, judgements)) terminal.print(line);
  terminal.print();
  const sum = `  ${kept} of ${judgements.length} promises kept${broken ? `, ${broken} broken` : ''}`;
  terminal.print(terminal.paint(broken ? ['red', 'bold'] : ['green', 'bold'], sum));
  terminal.print();
}

function dataOf(
  { isFast, leaveOut, seed }: DemoOptions,
  runs: readonly Run[],
  judgements: readonly Judgement[],
): object {
  return {
    seed,
    fast: isFast,
    leftOut: leaveOut ?? null,
    node: process.version,
    judged: runs[0]!.kind,
    kept: judgements.every(({ verdict }) => verdict !== 'broken'),
    promises: judgements,
    runs: Object.fromEntries(runs.map(({ kind, figures }) => [kind, figures])),
  };
}

/** The service's process is ended by its own exit hook; a terminal must get its cursor back. */
function endOnSignals(terminal: Terminal): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      terminal.showCursor();
      process.exit(128 + constants.signals[name]);
    });
  }
}
