import type { Judgement } from '../survive/promises.ts';
import { count } from '../survive/terminal.ts';
import { judged } from './audit.ts';
import type { Message } from './messages.ts';
import { SHOPS, limits } from './plan.ts';
import type { PhaseRecord, Recording } from './recording.ts';

/** What the run itself has to show, beside what the books say. */
export interface Evidence {
  readonly recording: Recording;
  readonly messages: readonly Message[];
  readonly crashes: readonly string[];
  readonly isFlashSale: boolean;
}

export function judgeRun(evidence: Evidence): readonly Judgement[] {
  return [
    judgeConnections(evidence),
    judgeLimit(evidence),
    ...(evidence.isFlashSale ? [] : [judgeFilter(evidence), judgePages(evidence)]),
    judgeSparing(evidence),
    judgeWorkers(evidence),
    judgeEnds(evidence),
  ];
}

type Of<T extends Message['type']> = Extract<Message, { readonly type: T }>;

export function ofType<T extends Message['type']>(messages: readonly Message[], type: T): readonly Of<T>[] {
  return messages.filter((message): message is Of<T> => message.type === type);
}

function judgeConnections({ messages }: Evidence): Judgement {
  const most = ofType(messages, 'connections');
  const over = most.filter((message) => message.most > limits.connectionsPerShop);
  return judged(
    'connections',
    `no shop process had more than ${limits.connectionsPerShop} connections to the database`,
    over.map((message) => `${message.shop}: ${message.most}`),
    `at most ${Math.max(0, ...most.map((message) => message.most))}`,
  );
}

function judgeLimit({ recording, messages }: Evidence): Judgement {
  const asked = recording.served.filter(({ kind }) => kind === 'greedy');
  const passed = asked.filter(({ result }) => result !== 'limited').length;
  const firstMs = Math.min(...asked.map(({ startMs }) => startMs));
  const lastMs = Math.max(...asked.map(({ endMs }) => endMs));
  const isAlone = ofType(messages, 'limiter-alone').length > 0;
  // While Redis does not answer in time, the gateway's own bucket decides, and that one is full at first.
  const buckets = isAlone ? 2 : 1;
  const most = buckets * (limits.rateBurst + (limits.rateLimit * (lastMs - firstMs)) / 1_000 + 1);
  const wrong = [
    ...(passed === asked.length ? ['he was never refused'] : []),
    ...(passed > most ? [`${passed} passed, of ${Math.floor(most)} allowed`] : []),
    ...(recording.rudeRefusals > 0 ? [`${recording.rudeRefusals} refusals without RateLimit or Retry-After`] : []),
  ];
  return judged(
    'limit',
    'a client who asks too often gets what the limit allows, and is told when to come again',
    wrong,
    `${count(passed)} of his ${count(asked.length)} requests passed, ${count(Math.floor(most))} allowed${isAlone ? ' by two buckets, as Redis was late at times' : ''}`,
  );
}

function judgeFilter({ recording, messages }: Evidence): Judgement {
  const { unknownPages, wronglyUnknown } = recording;
  const lookups = ofType(messages, 'lookup').filter(({ isKnown }) => !isKnown).length;
  const expected = unknownPages * limits.bloomRate;
  // Four standard deviations, and three more for small numbers.
  const most = Math.ceil(expected + 4 * Math.sqrt(expected) + 3);
  const wrong = [
    ...(lookups > most ? [`${lookups} lookups for ${unknownPages} pages, at most ${most}`] : []),
    ...(wronglyUnknown > 0 ? [`${wronglyUnknown} products were said not to exist`] : []),
  ];
  return judged(
    'filter',
    'pages that do not exist do not reach the database, and those that do exist are found',
    wrong,
    `${count(lookups)} lookups for ${count(unknownPages)} such pages, ${most} allowed`,
  );
}

/** Pages that were under way in one of these spans, and how many of them failed. */
function pagesIn(
  recording: Recording,
  spans: readonly (readonly [fromMs: number, toMs: number])[],
): readonly [number, number] {
  const pages = recording.served.filter(
    ({ kind, startMs, endMs }) => kind === 'page' && spans.some(([fromMs, toMs]) => startMs < toMs && endMs > fromMs),
  );
  return [pages.length, pages.filter(({ result }) => result === 'failed').length];
}

/** A machine that is busy with something else shows nothing: there, pages fail in calm times too, or none is asked for. */
function judgePages({ recording, messages }: Evidence): Judgement {
  const promise = 'product pages could be read while the database was frozen';
  const frozen = recording.faultsNamed('database frozen');
  const [pages, failed] = pagesIn(
    recording,
    frozen.map(({ struckMs, mendMs }) => [struckMs, mendMs]),
  );
  const calm = recording.faultsNamed('calm').map(({ startMs, endMs }) => [startMs, endMs] as const);
  const [calmPages, calmFailed] = pagesIn(recording, calm);
  const stale = ofType(messages, 'stale-page').filter(({ atMs }) => frozen.some((fault) => isDuring(atMs, fault)));
  const isWell = failed <= Math.max(1, pages / 20);
  if (pages === 0 || (!isWell && calmFailed > calmPages / 20)) {
    const detail = `a busy machine: ${count(calmFailed)} of ${count(calmPages)} failed in calm times, ${count(failed)} of ${count(pages)} then`;
    return { id: 'pages', promise, verdict: 'not judged', detail };
  }
  const detail = `${count(pages - failed)} of ${count(pages)}, ${count(stale.length)} times an old page`;
  return judged('pages', promise, isWell ? [] : [`${failed} of ${pages} failed`], detail);
}

function isDuring(atMs: number, { struckMs, mendMs }: PhaseRecord): boolean {
  return atMs >= struckMs && atMs <= mendMs;
}

/** Until a circuit opens: what runs at once and the failures in a row; from then on one trial each time. */
function judgeSparing({ recording, messages }: Evidence): Judgement {
  const calls = ofType(messages, 'payment-call');
  const seen: string[] = [];
  const wrong: string[] = [];
  for (const fault of [...recording.faultsNamed('payment killed'), ...recording.faultsNamed('payment hung')]) {
    const openings = Math.floor((fault.mendMs - fault.struckMs) / limits.paymentOpenMs) + 1;
    const most = SHOPS * (limits.paymentsAtOnce + limits.paymentFailures + openings);
    const sent = calls.filter(({ atMs }) => isDuring(atMs, fault)).length;
    seen.push(`${fault.name} ${count(sent)}/${count(most)}`);
    if (sent > most) wrong.push(`${fault.name}: ${count(sent)} calls, ${count(most)} allowed`);
  }
  return judged('spared', 'a failing payment service is spared', wrong, `sent/allowed: ${seen.join(', ')}`);
}

function judgeWorkers({ messages }: Evidence): Judgement {
  const ids = ofType(messages, 'worker-id');
  const different = new Set(ids.map(({ id }) => id)).size;
  const all = ids.map(({ shop, id }) => `${shop} ${id}`).join(', ');
  return judged('workers', 'no two processes had the same worker id', different === ids.length ? [] : [all], all);
}

function judgeEnds({ messages, crashes }: Evidence): Judgement {
  const unhandled = ofType(messages, 'unhandled').map(({ error }) => error);
  return judged(
    'alive',
    'no process ended by itself, and no rejection was unhandled',
    [...crashes, ...unhandled],
    'none',
  );
}
