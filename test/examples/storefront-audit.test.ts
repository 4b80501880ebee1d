import { describe, expect, it } from 'vitest';
import { audit } from '../../docs/examples/storefront/audit.ts';
import type { Books } from '../../docs/examples/storefront/books.ts';
import type { SeenOrder } from '../../docs/examples/storefront/recording.ts';

/** Two orders for the last two of three units: one went through, one was refused after its card had been charged. */
const books: Books = {
  stock: [{ sku: 'tea', stock: 3, available: 2, held: 0 }],
  orders: [{ id: '1', sku: 'tea', cents: 500 }],
  mails: ['1'],
  sagas: [
    { id: '1', status: 'completed' },
    { id: '2', status: 'compensated' },
  ],
  ledger: [
    { type: 'charge', key: 'key of 1', orderId: '1', cents: 500 },
    { type: 'charge', key: 'key of 2', orderId: '2', cents: 500 },
    { type: 'refund', key: 'key of 2', orderId: '2', cents: -500 },
  ],
};

function seen(id: string, told: SeenOrder['told']): SeenOrder {
  return {
    id,
    sku: 'tea',
    buyer: 'somebody',
    isAccepted: true,
    isTurnedAway: false,
    told,
    reason: undefined,
    toldMs: 0,
  };
}

const buyers = [seen('1', 'confirmed'), seen('2', 'refused')];

function broken(
  changed: Partial<Books>,
  orders: readonly SeenOrder[] = buyers,
  isFlashSale = false,
): readonly string[] {
  const judgements = audit({ ...books, ...changed }, orders, isFlashSale);
  return judgements.filter(({ verdict }) => verdict === 'broken').map(({ id }) => id);
}

describe('the audit of the storefront', () => {
  it('finds nothing where the books agree', () => {
    expect(broken({})).toEqual([]);
  });

  it('finds a product that was sold too often, and units that are lost or still reserved', () => {
    expect(broken({ stock: [{ sku: 'tea', stock: 0, available: -1, held: 0 }] })).toEqual(['stock']);
    expect(broken({ stock: [{ sku: 'tea', stock: 3, available: 1, held: 0 }] })).toEqual(['units']);
    expect(broken({ stock: [{ sku: 'tea', stock: 3, available: 2, held: 1 }] })).toEqual(['units']);
  });

  it('finds money that was taken and not owed, owed and not taken, and taken twice for one key', () => {
    expect(broken({ ledger: books.ledger.slice(0, 2) })).toEqual(['money']);
    expect(broken({ ledger: books.ledger.slice(1) })).toEqual(['money']);
    const twice = [...books.ledger, books.ledger[0]!];
    expect(broken({ ledger: twice })).toEqual(['money', 'charged-once']);
    expect(broken({ ledger: [...twice, { ...books.ledger[0]!, type: 'refund', cents: -500 }] })).toEqual([
      'charged-once',
    ]);
  });

  it('finds money of two orders that only makes up the sum', () => {
    const other = { type: 'charge', key: 'key of 9', orderId: '9', cents: 500 } as const;
    expect(broken({ ledger: [other, ...books.ledger.slice(1)] })).toEqual(['money']);
  });

  it('finds a saga that is not over, and an order without a mail or with a mail for nothing', () => {
    const sagas = [books.sagas[0]!, { id: '2', status: 'compensating' }];
    expect(broken({ sagas })).toEqual(['sagas']);
    expect(broken({ mails: [] })).toEqual(['mails']);
    expect(broken({ mails: ['1', '2'] })).toEqual(['mails']);
  });

  it('finds an accepted order that nobody knows, and one whose buyer was told something else', () => {
    expect(broken({}, [...buyers, seen('3', undefined)])).toEqual(['one-outcome']);
    expect(broken({}, [...buyers, { ...seen('3', undefined), isAccepted: false }])).toEqual([]);
    expect(broken({}, [seen('1', 'refused'), buyers[1]!])).toEqual(['one-outcome']);
    expect(broken({}, [buyers[0]!, seen('2', 'confirmed')])).toEqual(['one-outcome']);
    expect(broken({ sagas: [{ id: '1', status: 'compensated' }, books.sagas[1]!] })).toEqual(['one-outcome']);
  });

  it('finds an order number that was given out twice', () => {
    expect(broken({}, [...buyers, seen('2', 'refused')])).toEqual(['numbers']);
  });

  it('finds a flash sale that sold fewer than there were', () => {
    expect(broken({}, buyers, true)).toEqual(['sale']);
    expect(broken({ stock: [{ sku: 'tea', stock: 1, available: 0, held: 0 }] }, buyers, true)).toEqual([]);
  });
});
