import type { Judgement } from '../survive/promises.ts';
import { count } from '../survive/terminal.ts';
import type { Books } from './books.ts';
import type { SeenOrder } from './recording.ts';

/** Holds the books against each other, and against what the buyers were told. */
export function audit(books: Books, seen: readonly SeenOrder[], isFlashSale: boolean): readonly Judgement[] {
  return [
    ...judgeStock(books, isFlashSale),
    judgeMoney(books),
    judgeCharges(books),
    judgeSagas(books),
    judgeOutcomes(books, seen),
    judgeMails(books),
    judgeNumbers(seen),
  ];
}

/** With the first few of what is wrong. */
export function judged(id: string, promise: string, wrong: readonly string[], detail: string): Judgement {
  const examples = wrong.slice(0, 3).join('; ');
  const more = wrong.length > 3 ? ` and ${count(wrong.length - 3)} more` : '';
  return wrong.length === 0
    ? { id, promise, verdict: 'kept', detail }
    : { id, promise, verdict: 'broken', detail: `${examples}${more}` };
}

function judgeStock({ stock, orders }: Books, isFlashSale: boolean): readonly Judgement[] {
  const soldOf = new Map<string, number>();
  for (const { sku } of orders) soldOf.set(sku, (soldOf.get(sku) ?? 0) + 1);
  const sold = (sku: string): number => soldOf.get(sku) ?? 0;
  const oversold = stock.filter((product) => sold(product.sku) > product.stock);
  const adrift = stock.filter(({ sku, stock: units, available }) => sold(sku) + available !== units);
  const held = stock.filter((product) => product.held > 0);
  const soldOut = stock.filter(({ available }) => available === 0).length;
  const units = stock.reduce((sum, product) => sum + product.stock, 0);
  const judgements = [
    judged(
      'stock',
      'no product was sold more often than it was in stock',
      oversold.map(({ sku, stock: most }) => `${sku}: ${sold(sku)} sold, ${most} were there`),
      `${count(orders.length)} of ${count(units)} units sold, ${soldOut} of ${stock.length} products sold out`,
    ),
    judged(
      'units',
      'sold and left over make up the stock, and nothing is left reserved',
      [
        ...adrift.map(({ sku, stock: all, available }) => `${sku}: ${sold(sku)} sold and ${available} left of ${all}`),
        ...held.map((product) => `${product.sku}: ${product.held} still reserved`),
      ],
      `${count(stock.length)} products`,
    ),
  ];
  if (!isFlashSale) return judgements;
  const [sale] = stock;
  const isExact = sale !== undefined && sold(sale.sku) === sale.stock;
  const seen = `${sale && sold(sale.sku)} sold of ${sale?.stock}`;
  return [judged('sale', 'exactly as many units were sold as there were', isExact ? [] : [seen], seen), ...judgements];
}

function judgeMoney({ orders, ledger }: Books): Judgement {
  const kept = new Map<string, number>();
  for (const { orderId, cents } of ledger) kept.set(orderId, (kept.get(orderId) ?? 0) + cents);
  const owed = new Map(orders.map(({ id, cents }) => [id, cents]));
  const ids = new Set([...kept.keys(), ...owed.keys()]);
  const wrong = [...ids].filter((id) => (kept.get(id) ?? 0) !== (owed.get(id) ?? 0));
  const sum = (values: Iterable<number>): string => count([...values].reduce((a, b) => a + b, 0) / 100);
  const refunds = ledger.filter(({ type }) => type === 'refund').length;
  return judged(
    'money',
    'the money charged is that of the confirmed orders, order by order',
    wrong.map((id) => `order ${id}: ${kept.get(id) ?? 0} cents kept, ${owed.get(id) ?? 0} owed`),
    `${sum(kept.values())} charged, ${sum(owed.values())} confirmed, ${refunds} refunds`,
  );
}

function judgeCharges({ ledger }: Books): Judgement {
  const times = new Map<string, number>();
  for (const { type, key } of ledger) if (type === 'charge') times.set(key, (times.get(key) ?? 0) + 1);
  const twice = [...times].filter(([, charges]) => charges > 1);
  return judged(
    'charged-once',
    'no idempotency key was charged twice',
    twice.map(([key, charges]) => `${key}: ${charges} times`),
    `${count(times.size)} keys charged`,
  );
}

function judgeSagas({ sagas }: Books): Judgement {
  const open = sagas.filter(({ status }) => status !== 'completed' && status !== 'compensated');
  const completed = sagas.filter(({ status }) => status === 'completed').length;
  return judged(
    'sagas',
    'every saga is completed or compensated',
    open.map(({ id, status }) => `order ${id} is ${status}`),
    `${count(completed)} completed, ${count(sagas.length - completed - open.length)} compensated`,
  );
}

/** What is wrong with an order, where something is. */
function flaw(order: SeenOrder, status: string | undefined, isConfirmed: boolean): string | undefined {
  if (!order.isAccepted) return undefined;
  if (status === undefined) return 'was accepted, and nobody knows it';
  if (isConfirmed !== (status === 'completed')) return `is ${status}, and ${isConfirmed ? '' : 'not '}confirmed`;
  if (order.told === 'confirmed' && !isConfirmed) return 'was said to be confirmed';
  if (order.told === 'refused' && isConfirmed) return 'was said to be refused';
  return undefined;
}

function judgeOutcomes({ orders, sagas }: Books, seen: readonly SeenOrder[]): Judgement {
  const statuses = new Map(sagas.map(({ id, status }) => [id, status]));
  const confirmed = new Set(orders.map(({ id }) => id));
  const wrong = seen.flatMap((order) => {
    const what = flaw(order, statuses.get(order.id), confirmed.has(order.id));
    return what === undefined ? [] : [`order ${order.id} ${what}`];
  });
  const accepted = seen.filter(({ isAccepted }) => isAccepted);
  const untold = accepted.filter(({ told }) => told === undefined).length;
  return judged(
    'one-outcome',
    'every accepted checkout has exactly one outcome, the one its buyer was told',
    wrong,
    `${count(accepted.length)} accepted of ${count(seen.length)}${untold > 0 ? `, ${untold} buyers left before they heard` : ''}`,
  );
}

function judgeMails({ orders, mails }: Books): Judgement {
  const confirmed = new Set(orders.map(({ id }) => id));
  const sent = new Set(mails);
  const missing = [...confirmed].filter((id) => !sent.has(id)).map((id) => `order ${id} got none`);
  const idle = mails.filter((id) => !confirmed.has(id)).map((id) => `one for order ${id}, which is none`);
  return judged(
    'mails',
    'every confirmed order got its mail, and no other',
    [...missing, ...idle],
    `${count(mails.length)} mails`,
  );
}

function judgeNumbers(seen: readonly SeenOrder[]): Judgement {
  const different = new Set(seen.map(({ id }) => id)).size;
  const wrong = different === seen.length ? [] : [`${seen.length} numbers, ${different} different`];
  return judged('numbers', 'no order number was given out twice', wrong, `${count(different)} numbers`);
}
