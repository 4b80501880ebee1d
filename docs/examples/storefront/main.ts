import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { postgresSagaStore } from '../../../src/postgres/index.ts';
import { timeline } from '../../../src/saga/index.ts';
import type { Judgement } from '../survive/promises.ts';
import { verdicts } from '../survive/report.ts';
import { Terminal, count, wrap } from '../survive/terminal.ts';
import { audit } from './audit.ts';
import type { Books } from './books.ts';
import { readBooks, unfinished } from './books.ts';
import type { Market } from './buyers.ts';
import { greedyClient, letBuyersIn } from './buyers.ts';
import { unleash } from './chaos.ts';
import { figuresOf } from './figures.ts';
import type { StoreOptions } from './options.ts';
import { help, readOptions } from './options.ts';
import { columnsOf, picture } from './picture.ts';
import type { Plan } from './plan.ts';
import { planOf, totalMs } from './plan.ts';
import { judgeRun } from './promises.ts';
import { Recording } from './recording.ts';
import { htmlReport } from './report-html.ts';
import { seriesOf } from './series.ts';
import type { Town } from './town.ts';
import { openTown } from './town.ts';

/** So long the last sagas may take to end once nobody comes any more. */
const SETTLE_MS = 45_000;
const REPORT_SLICES = 160;

/** Runs the demo and resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let options: StoreOptions | 'help';
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
    console.error('this demo freezes processes with SIGSTOP, which Windows does not have');
    return 2;
  }
  return demonstrate(options);
}

interface Outcome {
  readonly recording: Recording;
  readonly books: Books;
  readonly town: Pick<Town, 'engines' | 'messages' | 'crashes'>;
}

async function demonstrate(options: StoreOptions): Promise<number> {
  // With --json, standard output belongs to the data.
  const terminal = new Terminal(options.isJson ? process.stderr : process.stdout);
  const say = options.isJson ? () => {} : (text: string) => terminal.print(text);
  const plan = planOf(options);
  for (const text of introduction(options, plan)) for (const line of wrap(text, terminal.columns - 2)) say(`  ${line}`);
  endOnSignals(terminal);
  const { recording, books, town } = await perform(options, plan, say);
  const { messages } = town;
  const judgements = [
    ...audit(books, recording.orders, plan.isFlashSale),
    ...judgeRun({ recording, messages, crashes: town.crashes, isFlashSale: plan.isFlashSale }),
  ];
  const figures = figuresOf(recording, messages);
  if (options.reportFile !== undefined) {
    const series = seriesOf(recording, messages, REPORT_SLICES);
    const about = `Seed ${options.seed}, ${town.engines}, Node ${process.version}. ${introduction(options, plan)[0]}`;
    const page = { title: 'holdfast: the storefront', about, phases: recording.phases, series, judgements, figures };
    writeFileSync(options.reportFile, htmlReport(page));
  }
  if (options.isJson) console.log(JSON.stringify(dataOf(options, town.engines, judgements, figures), undefined, 2));
  else printReport(terminal, { recording, messages, judgements, figures });
  return judgements.some(({ verdict }) => verdict === 'broken') ? 1 : 0;
}

function introduction({ seed, plant }: StoreOptions, plan: Plan): readonly string[] {
  const faults = plan.phases.filter(({ name }) => name !== 'calm').map(({ name }) => name);
  const load = plan.isFlashSale
    ? `${plan.buyers} buyers at once want ${plan.products[0]!.stock} units`
    : `${plan.buyers} buyers and a client who asks too often, for ${Math.round(totalMs(plan) / 1_000)} s`;
  return [
    `A gateway, three shop processes, a payment service and a database: ${load}. Meanwhile: ${faults.join(', ')}.`,
    `Seed ${seed}${plant === undefined ? '' : `, with a fault built in: ${plant}`}.`,
  ];
}

async function perform(options: StoreOptions, plan: Plan, say: (text: string) => void): Promise<Outcome> {
  await using town = await openTown(options, plan);
  say(`  ${town.engines}\n`);
  const recording = new Recording();
  const market: Market = { url: town.url, plan, seed: options.seed, recording, isClosing: false };
  const stop = showProgress(recording, say);
  const buyers = letBuyersIn(market);
  const greedy = greedyClient(market);
  await unleash(town, plan, recording);
  // A flash sale is over when its buyers have gone, the other one when the script is.
  if (plan.isFlashSale) await buyers;
  market.isClosing = true;
  await Promise.all([buyers, greedy]);
  stop();
  say('  the shop is closed; the last orders come to their end');
  for (const id of await settle(town)) {
    const { record, log } = (await postgresSagaStore(town.db).load(id))!;
    say(`  order ${id} is ${record.status}, of ${record.worker ?? 'nobody'}\n${timeline(log)}`);
  }
  const books = await readBooks(town.db, town.ledger);
  const { engines, messages, crashes } = town;
  return { recording, books, town: { engines, messages, crashes } };
}

/** Answers the orders that have not come to their end in all that time. */
async function settle({ db }: Town): Promise<readonly string[]> {
  for (const untilMs = Date.now() + SETTLE_MS; ; await sleep(100)) {
    const left = await unfinished(db);
    if (left.length === 0 || Date.now() > untilMs) return left;
  }
}

/** A line for each phase and each second. */
function showProgress(recording: Recording, say: (text: string) => void): () => void {
  let [seen, seenPhases, printedMs] = [0, 0, Date.now()];
  const timer = setInterval(() => {
    const { served, orders, phases } = recording;
    if (phases.length === seenPhases && Date.now() - printedMs < 1_000) return;
    const latest = served.slice(seen);
    [seen, seenPhases, printedMs] = [served.length, phases.length, Date.now()];
    const failed = latest.filter(({ result }) => result === 'failed').length;
    const confirmed = orders.filter(({ told }) => told === 'confirmed').length;
    const cells = [
      `${((Date.now() - recording.startMs) / 1_000).toFixed(0).padStart(4)} s`,
      (phases.at(-1)?.name ?? 'calm').padEnd(15),
      `${count(latest.length).padStart(5)} requests`,
      `${count(failed).padStart(4)} failed`,
      `${count(confirmed).padStart(5)} orders confirmed`,
    ];
    say(cells.join('  '));
  }, 100);
  return () => clearInterval(timer);
}

type Figures = readonly (readonly [string, string])[];

interface Printed {
  readonly recording: Recording;
  readonly messages: Town['messages'];
  readonly judgements: readonly Judgement[];
  readonly figures: Figures;
}

function printReport(terminal: Terminal, { recording, messages, judgements, figures }: Printed): void {
  const series = seriesOf(recording, messages, columnsOf(terminal));
  terminal.print();
  for (const line of picture(terminal, recording, series)) terminal.print(line);
  terminal.print();
  const width = Math.max(...figures.map(([name]) => name.length)) + 2;
  for (const [name, value] of figures) terminal.print(`  ${name.padEnd(width)}${value}`);
  terminal.print();
  for (const line of verdicts(terminal, judgements)) terminal.print(line);
  const broken = judgements.filter(({ verdict }) => verdict === 'broken').length;
  const kept = judgements.filter(({ verdict }) => verdict === 'kept').length;
  const sum = `  ${kept} of ${judgements.length} promises kept${broken ? `, ${broken} broken` : ''}`;
  terminal.print();
  terminal.print(terminal.paint(broken ? ['red', 'bold'] : ['green', 'bold'], sum));
}

function dataOf(
  { seed, isFast, plant }: StoreOptions,
  engines: string,
  promises: readonly Judgement[],
  figures: Figures,
): object {
  const kept = promises.every(({ verdict }) => verdict !== 'broken');
  return { seed, fast: isFast, plant: plant ?? null, engines, kept, promises, figures: Object.fromEntries(figures) };
}

/** The processes are ended by their guardian. */
function endOnSignals(terminal: Terminal): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      terminal.showCursor();
      process.exit(128 + constants.signals[name]);
    });
  }
}
