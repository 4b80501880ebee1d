import { createSeededRandom } from '../../../src/testing/index.ts';
import type { StoreOptions } from './options.ts';

export const faults = ['payment killed', 'payment hung', 'database frozen', 'shop killed'] as const;
export type Fault = (typeof faults)[number];

export interface Phase {
  readonly name: 'calm' | Fault;
  readonly ms: number;
}

export interface Product {
  readonly sku: string;
  readonly cents: number;
  readonly stock: number;
}

/** What happens, drawn from the seed. */
export interface Plan {
  readonly phases: readonly Phase[];
  /** Which shop process the script kills. */
  readonly doomedShop: number;
  readonly products: readonly Product[];
  readonly buyers: number;
  /** A buyer thinks this long between two requests. */
  readonly thinkMs: readonly [least: number, most: number];
  /** Whether each buyer wants one unit of the first product, and goes when he has it or it is sold out. */
  readonly isFlashSale: boolean;
  readonly declinedRate: number;
  /** Pages asked for that no product has. */
  readonly unknownRate: number;
}

export const SHOPS = 3;

/** Every limit of the shop in one place. */
export const limits = {
  connectionsPerShop: 6,
  /** A statement, and an attempt to connect. */
  queryMs: 1_000,
  acquireMs: 600,
  /** Product pages: fresh for so long, and then as stale as it takes while the database fails. */
  pageTtlMs: 250,
  pageSoftMs: 100,
  pageHardMs: 900,
  pageStaleMs: 60_000,
  bloomRate: 0.01,
  reservationMs: 5_000,
  paymentMs: 400,
  paymentsAtOnce: 6,
  paymentFailures: 5,
  paymentOpenMs: 300,
  paymentAttempts: 7,
  sagaLeaseMs: 2_000,
  /** How long a checkout waits for its saga before it says "accepted, ask later". */
  checkoutWaitMs: 700,
  upstreamFailures: 5,
  upstreamOpenMs: 300,
  pageUpstreamMs: 1_200,
  orderUpstreamMs: 2_500,
  requestsPerUpstream: 40,
  /** Requests a second for each API key, and at once. */
  rateLimit: 20,
  rateBurst: 30,
} as const;

const PRODUCTS = 40;
const FLASH_UNITS = 100;
const FLASH_BUYERS = 500;

export function planOf({ seed, isFast, isFlashSale, isPglite }: StoreOptions): Plan {
  const random = createSeededRandom(seed);
  const around = (ms: number): number => Math.round(ms * (0.8 + 0.4 * random()));
  const phases = isFlashSale ? flashPhases(around) : script(random, around, isFast);
  return {
    phases,
    doomedShop: Math.floor(random() * SHOPS),
    products: isFlashSale ? [{ sku: 'concert', cents: 8_000, stock: FLASH_UNITS }] : assortment(random),
    buyers: isFlashSale ? FLASH_BUYERS : isPglite ? 10 : 24,
    thinkMs: [80, 240],
    isFlashSale,
    declinedRate: 0.08,
    unknownRate: 0.25,
  };
}

/** Each fault once, in an order of the seed's, with calm before and after. */
function script(random: () => number, around: (ms: number) => number, isFast: boolean): readonly Phase[] {
  const order = shuffled(faults, random);
  const longMs: Readonly<Record<Fault, number>> = {
    'payment killed': isFast ? 700 : 1_800,
    'payment hung': isFast ? 1_000 : 2_200,
    'database frozen': isFast ? 1_000 : 2_000,
    'shop killed': isFast ? 700 : 1_500,
  };
  const calm = (): Phase => ({ name: 'calm', ms: around(isFast ? 900 : 2_000) });
  return [calm(), ...order.flatMap((name) => [{ name, ms: around(longMs[name]) }, calm()])];
}

/** Buyers come all at once, so the faults do too. */
function flashPhases(around: (ms: number) => number): readonly Phase[] {
  return [
    { name: 'calm', ms: around(600) },
    { name: 'shop killed', ms: around(900) },
    { name: 'calm', ms: around(300) },
    { name: 'payment killed', ms: around(500) },
    { name: 'calm', ms: around(600) },
  ];
}

/** A few products that everybody wants and that sell out, and many that do not. */
function assortment(random: () => number): readonly Product[] {
  return Array.from({ length: PRODUCTS }, (_, k) => ({
    sku: `sku-${k + 1}`,
    cents: 500 + Math.floor(random() * 95) * 100,
    stock: k < 4 ? 5 + Math.floor(random() * 10) : 20 + Math.floor(random() * 60),
  }));
}

export function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const all = [...items];
  for (let k = all.length - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [all[k], all[other]] = [all[other]!, all[k]!];
  }
  return all;
}

export function totalMs({ phases }: Plan): number {
  return phases.reduce((sum, { ms }) => sum + ms, 0);
}
