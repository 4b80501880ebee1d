import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { postgresSagaStore } from '../../../src/postgres/index.ts';
import { guard, timeline, toMermaid } from '../../../src/saga/index.ts';
import { postgresAvailability, startPostgres } from '../../../test/support/postgres.ts';
import { watchFolder } from '../../../test/support/guardian.ts';
import type { TestProcess } from '../../../test/support/processes.ts';
import { spawnScript } from '../../../test/support/processes.ts';
import { audit } from './audit.ts';
import { furnish, openShop } from './database.ts';
import type { Order } from './order.ts';
import { orderSaga } from './order.ts';
import type { Job } from './worker-process.ts';

const help = `npm run demo -- saga [options]
Orders as sagas on PostgreSQL: one goes through, one fails and is undone, one outlives its process,
and 100 units are sold to 500 buyers over 3 processes of which one is killed. Ends with an audit of
the database; the exit code is 1 when something is wrong there.
  --pglite         PostgreSQL in WebAssembly: no server; its processes take turns
  --without-guard  participants do whatever they are told, as often as they are told: see the audit fail
  --mermaid        prints the definition as a Mermaid diagram, and ends`;

const WORKER = new URL('./worker-process.ts', import.meta.url);
const BUYERS = 500;
const UNITS = 100;
const STOCK = { lamp: 3, concert: UNITS };

const lamp: Order = { item: 'lamp', cents: 4900, card: 'good' };
const ticket: Order = { item: 'concert', cents: 8000, card: 'good' };

type Orders = Job['orders'];

/** Where the sagas are, and how their processes are started. */
interface Stage {
  readonly place: string;
  readonly isGuarded: boolean;
  readonly canShare: boolean;
}

/** Runs the demo and resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  let flags: Readonly<Record<'pglite' | 'without-guard' | 'mermaid' | 'help', boolean>>;
  try {
    const options = { pglite: flag, 'without-guard': flag, mermaid: flag, help: flag };
    flags = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (flags.help) return print(help);
  if (flags.mermaid) {
    const isGuarded = true;
    return print(toMermaid(orderSaga(undefined as never, { isGuarded, onCharged: async () => {} })));
  }
  const isGuarded = !flags['without-guard'];
  if (flags.pglite) return onPglite(isGuarded);
  const found = postgresAvailability();
  if (!found.available) {
    console.error(`${found.reason}; --pglite needs no server`);
    return 2;
  }
  await using server = await startPostgres();
  return await perform({ place: server.url, isGuarded, canShare: true });
}

function print(text: string): number {
  console.log(text);
  return 0;
}

async function onPglite(isGuarded: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-saga-demo-'));
  watchFolder(folder);
  try {
    return await perform({ place: `pglite:${join(folder, 'data')}`, isGuarded, canShare: false });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function perform(stage: Stage): Promise<number> {
  const shop = await openShop(stage.place);
  await furnish(shop, STOCK);
  await guard(shop.db.query).init();
  await postgresSagaStore(shop.db).init();
  await shop.close();

  console.log('1. An order goes through, and one fails at the payment: its lamp goes back to the shelf');
  await untilDone(await start(stage, [['order-1', lamp]]));
  await untilDone(await start(stage, [['order-2', { ...lamp, card: 'declined' }]]));
  await tell(stage, ['order-1', 'order-2']);

  console.log(
    '2. A process is killed (SIGKILL) when the money is taken and the saga has not heard of it; another one goes on',
  );
  const doomed = await start(stage, [['order-3', lamp]], 'order-3');
  await doomed.waitForLine('charged order-3', 30_000);
  await doomed.kill();
  await untilDone(await start(stage, [['order-3', lamp]]));
  await tell(stage, ['order-3']);

  console.log(`3. ${BUYERS} buyers want ${UNITS} tickets, over 3 processes; one is killed in the middle`);
  await sell(stage);
  await tell(stage, await takenOver(stage));
  return judge(stage);
}

async function start({ place, isGuarded }: Stage, orders: Orders, pauseAt?: string): Promise<TestProcess> {
  const job: Job = { place, isGuarded, orders, pauseAt };
  return spawnScript(WORKER, { args: [JSON.stringify(job)] });
}

async function untilDone(worker: TestProcess): Promise<void> {
  await worker.waitForLine('all ended', 120_000);
  await worker.exit;
}

async function sell(stage: Stage): Promise<void> {
  const buyers: Orders = Array.from({ length: BUYERS }, (_, k) => [`buyer-${k + 1}`, ticket]);
  const shares = [0, 1, 2].map((share) => buyers.filter((_, k) => k % 3 === share));
  if (!stage.canShare) {
    const first = await start(stage, buyers);
    await first.waitForLine('ended 60', 120_000);
    await first.kill();
    return untilDone(await start(stage, buyers));
  }
  const [a, b, c] = (await Promise.all(shares.map((share) => start(stage, share)))) as [
    TestProcess,
    TestProcess,
    TestProcess,
  ];
  await b.waitForLine('ended 10', 60_000);
  await b.kill();
  // Its buyers do not know how far it came, so they ask again. Their ids make one order of it.
  const again = await start(stage, shares[1]!);
  await Promise.all([a, c, again].map(untilDone));
}

/** An order that another process went on with, if there is one. */
async function takenOver({ place }: Stage): Promise<readonly string[]> {
  const shop = await openShop(place);
  const sql = `SELECT id FROM holdfast.saga WHERE id LIKE 'buyer-%' AND fence > 1 ORDER BY status DESC, id LIMIT 1`;
  const rows = await shop.db.query(sql, []);
  await shop.close();
  return rows.map(({ id }) => String(id));
}

async function tell({ place }: Stage, ids: readonly string[]): Promise<void> {
  const shop = await openShop(place);
  for (const id of ids) {
    const { record, log } = (await postgresSagaStore(shop.db).load(id))!;
    console.log(`\n   ${id}: ${record.status}`);
    console.log(timeline(log).replaceAll(/^/gm, '   '));
  }
  console.log();
  await shop.close();
}

async function judge({ place }: Stage): Promise<number> {
  const shop = await openShop(place);
  const findings = await audit(shop.db, {
    orders: 3 + BUYERS,
    stock: { lamp: { before: STOCK.lamp, sold: 2 }, concert: { before: UNITS, sold: UNITS } },
  });
  await shop.close();
  console.log('What the database says');
  for (const { claim, isKept, detail } of findings) {
    console.log(`   ${isKept ? 'ok    ' : 'BROKEN'}  ${claim}: ${detail}`);
  }
  return findings.every(({ isKept }) => isKept) ? 0 : 1;
}
