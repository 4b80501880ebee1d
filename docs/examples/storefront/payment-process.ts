/*
 * The payment service, with a ledger of its own that outlives it. It keeps to its keys: a charge that comes again is
 * answered from the ledger, and one that comes after its refund is refused. Now and then it takes the money and the
 * answer is lost, as happens everywhere.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSeededRandom } from '../../../src/testing/index.ts';
import type { Handler, Reply } from './json-server.ts';
import { serveJson } from './json-server.ts';
import type { LedgerEntry } from './ledger.ts';
import { appendLedger, readLedger } from './ledger.ts';
import { readJob, tell } from './messages.ts';
import type { Plant } from './options.ts';
import type { Charge } from './payments.ts';

export interface PaymentJob {
  readonly port: number;
  readonly file: string;
  readonly seed: number;
  readonly plant: Plant | undefined;
}

const LOST_ANSWERS = 0.03;

const job = readJob<PaymentJob>();
const random = createSeededRandom(job.seed);
const charges = new Map<string, LedgerEntry>();
const undone = new Set<string>();
for (const entry of readLedger(job.file)) remember(entry);

function remember(entry: LedgerEntry): void {
  if (entry.type === 'charge') charges.set(entry.key, entry);
  else undone.add(entry.key);
}

function write(entry: LedgerEntry): void {
  appendLedger(job.file, entry);
  remember(entry);
}

function charge({ key, orderId, cents, card }: Charge): Reply {
  if (undone.has(key)) return { status: 409, body: { error: 'this payment was called off' } };
  if (card === 'declined') return { status: 402, body: { error: 'the card was declined' } };
  if (!charges.has(key) || job.plant === 'double-charge') write({ type: 'charge', key, orderId, cents });
  return { status: 200, body: { receipt: `receipt of ${orderId}` } };
}

function refund({ key, orderId }: Charge): Reply {
  const charged = charges.get(key);
  if (!undone.has(key) && job.plant !== 'keep-money')
    write({ type: charged ? 'refund' : 'void', key, orderId, cents: -(charged?.cents ?? 0) });
  return { status: 200, body: {} };
}

const handle: Handler = async ({ path: [what], body }) => {
  const reply = what === 'charge' ? charge(JSON.parse(body) as Charge) : refund(JSON.parse(body) as Charge);
  await sleep(4 + random() * 12);
  return random() < LOST_ANSWERS ? 'hang up' : reply;
};

await serveJson(job.port, handle);
tell({ type: 'listening' });
