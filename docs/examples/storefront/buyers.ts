import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../src/index.ts';
import { createSeededRandom } from '../../../src/testing/index.ts';
import { ALL_RESERVED, SOLD_OUT } from './checkout.ts';
import type { Answer } from './json-server.ts';
import { request } from './json-server.ts';
import type { Plan } from './plan.ts';
import { limits } from './plan.ts';
import type { Recording, RequestKind, RequestResult, SeenOrder } from './recording.ts';
import type { OrderStatus } from './shop-process.ts';

/** So long a buyer asks for the end of an order before he writes a letter. */
const PATIENCE_MS = 15_000;
/** Attempts of a flash sale's buyer, each an order of its own. */
const PERSISTENCE = 200;
/** The client who does not keep to the limit asks twice as often as it allows, and more at first. */
const GREED = 2;

export interface Market {
  readonly url: string;
  readonly plan: Plan;
  readonly seed: number;
  readonly recording: Recording;
  /** Whether buyers should come to an end. */
  isClosing: boolean;
}

/** Lets everybody in; resolves when the last has gone. */
export async function letBuyersIn(market: Market): Promise<void> {
  const { plan, seed } = market;
  const everybody = Array.from({ length: plan.buyers }, (_, k) => {
    const buyer = new Buyer(market, k, createSeededRandom(seed * 10_007 + k));
    return plan.isFlashSale ? buyer.rush() : buyer.stroll();
  });
  await Promise.all(everybody);
}

class Buyer {
  readonly #market: Market;
  readonly #name: string;
  readonly #random: Random;
  readonly #hasMoney: boolean;

  constructor(market: Market, nth: number, random: Random) {
    this.#market = market;
    this.#name = `buyer-${nth + 1}`;
    this.#random = random;
    this.#hasMoney = random() >= market.plan.declinedRate;
  }

  /** Looks at pages, buys, and comes again until the shop closes. */
  async stroll(): Promise<void> {
    while (!this.#market.isClosing) {
      await this.#browse();
      const hasMoney = this.#random() >= this.#market.plan.declinedRate;
      await this.#buy(this.#wish(), hasMoney ? 'good' : 'declined');
      await this.#think();
    }
  }

  /** Wants one unit of the one product, until he has it, or nobody can. */
  async rush(): Promise<void> {
    const { sku } = this.#market.plan.products[0]!;
    for (let k = 0; k < PERSISTENCE; k++) {
      const order = await this.#buy(sku, this.#hasMoney ? 'good' : 'declined');
      if (order?.told === 'confirmed' || order?.reason === SOLD_OUT) return;
      if (order?.told === 'refused' && !this.#hasMoney && order.reason !== ALL_RESERVED) return;
      await sleep(300 + this.#random() * 900);
    }
  }

  /** Some products are wanted far more than others. */
  #wish(): string {
    const { products } = this.#market.plan;
    return products[Math.floor(products.length * this.#random() ** 2)]!.sku;
  }

  async #browse(): Promise<void> {
    const { recording, plan } = this.#market;
    for (let k = 0; k < 2; k++) {
      const isUnknown = this.#random() < plan.unknownRate;
      if (isUnknown) recording.unknownPages++;
      const sku = isUnknown ? `gone-${Math.floor(this.#random() * 1e6)}` : this.#wish();
      const answer = await this.#ask('page', 'GET', `products/${sku}`);
      if (!isUnknown && answer?.status === 404) recording.wronglyUnknown++;
      await this.#think();
    }
  }

  /** Answers nothing where the shop could not even give a number. */
  async #buy(sku: string, card: string): Promise<SeenOrder | undefined> {
    const cart = await this.#ask('cart', 'POST', 'carts');
    if (cart?.status !== 201) return undefined;
    const { id } = JSON.parse(cart.body) as { id: string };
    const order: SeenOrder = {
      id,
      sku,
      buyer: this.#name,
      isAccepted: false,
      isTurnedAway: false,
      told: undefined,
      reason: undefined,
      toldMs: Infinity,
    };
    this.#market.recording.orders.push(order);
    const untilMs = Date.now() + PATIENCE_MS;
    await this.#checkout(order, card, untilMs);
    for (let k = 0; order.isAccepted && order.told === undefined && Date.now() < untilMs; k++) {
      await this.#pause(k);
      this.#learn(order, await this.#ask('status', 'GET', `orders/${id}`));
    }
    return order;
  }

  /** The same order number each time: however often it is sent, it is one order. */
  async #checkout(order: SeenOrder, card: string, untilMs: number): Promise<void> {
    let isInCart = false;
    for (let k = 0; !order.isAccepted && Date.now() < untilMs; k++) {
      if (!isInCart) {
        const body = JSON.stringify({ sku: order.sku });
        isInCart = (await this.#ask('cart', 'PUT', `carts/${order.id}`, body))?.status === 200;
      }
      if (isInCart) {
        const body = JSON.stringify({ card, buyer: this.#name });
        const answer = await this.#ask('checkout', 'POST', `carts/${order.id}/checkout`, body);
        if (answer?.status === 410) isInCart = false;
        if (answer?.status === 409) {
          const { error } = JSON.parse(answer.body) as { error: string };
          return void Object.assign(order, { isTurnedAway: true, reason: error });
        }
        this.#learn(order, answer);
      }
      if (!order.isAccepted) await this.#pause(k);
    }
  }

  #learn(order: SeenOrder, answer: Answer | undefined): void {
    if (answer?.status !== 200 && answer?.status !== 202) return;
    const { status, reason } = JSON.parse(answer.body) as OrderStatus;
    if (status === 'unknown') return;
    order.isAccepted = true;
    if (status === 'pending') return;
    Object.assign(order, { told: status, reason, toldMs: Date.now() });
  }

  #ask(kind: RequestKind, method: string, path: string, body?: string): Promise<Answer | undefined> {
    return ask(this.#market, this.#name, { kind, method, path, body });
  }

  /** Longer each time: a shop that is slow is not helped by being asked more often. */
  async #pause(nth: number): Promise<void> {
    await sleep((100 + this.#random() * 200) * Math.min(8, 1.4 ** nth));
  }

  async #think(): Promise<void> {
    const [least, most] = this.#market.plan.thinkMs;
    await sleep(least + this.#random() * (most - least));
  }
}

/** Asks for one page again and again, faster than the limit allows, and does not wait when told to. */
export async function greedyClient(market: Market): Promise<void> {
  const { sku } = market.plan.products.at(-1)!;
  const asked: Promise<unknown>[] = [];
  for (const startMs = Date.now(); !market.isClosing; await sleep(20)) {
    const due = limits.rateBurst + ((Date.now() - startMs) / 1_000) * limits.rateLimit * GREED;
    while (asked.length < due)
      asked.push(ask(market, 'greedy', { kind: 'greedy', method: 'GET', path: `products/${sku}`, body: undefined }));
  }
  await Promise.all(asked);
}

interface Ask {
  readonly kind: RequestKind;
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
}

async function ask(
  { url, recording }: Market,
  key: string,
  { kind, method, path, body }: Ask,
): Promise<Answer | undefined> {
  const startMs = Date.now();
  let answer: Answer | undefined;
  try {
    const signal = AbortSignal.timeout(3 * limits.orderUpstreamMs + limits.pageUpstreamMs);
    answer = await request(method, `${url}/${path}`, { body, headers: { 'x-api-key': key }, signal });
  } catch {
    // What the buyer sees is a page that does not load; it is counted as failed.
  }
  if (answer?.status === 429 && !isPolite(answer.headers)) recording.rudeRefusals++;
  recording.served.push({ kind, result: resultOf(answer), startMs, endMs: Date.now() });
  return answer;
}

/** A refusal says when to come again, and how the client stands. */
function isPolite(headers: Headers): boolean {
  return Number(headers.get('retry-after')) >= 1 && headers.get('ratelimit') !== null;
}

function resultOf(answer: Answer | undefined): RequestResult {
  if (answer === undefined || answer.status >= 500) return 'failed';
  return answer.status === 429 ? 'limited' : 'ok';
}
