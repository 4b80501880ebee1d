import { HoldfastError } from '../core/errors.ts';
import { scramble } from '../core/hash.ts';
import type { RedisSend } from './client.ts';
import { SAGAS } from './saga.lua.ts';
import type { RedisCallOptions } from './script.ts';
import { callRedis, runScript } from './script.ts';

/** What has to receive a write before it counts. */
export interface Acknowledge {
  readonly replicas: number;
  readonly isOnDisk?: boolean | undefined;
}

/** A verb that only reads needs no acknowledgement. */
type Access = 'read' | 'write';

type Arg = string | number;

/** Runs a verb in one partition. */
export type Run = (verb: string, ...args: readonly Arg[]) => Promise<unknown>;

/** The hash slots over which sagas are spread, and how to run verbs there. */
export class Partitions {
  readonly all: readonly number[];
  readonly #send: RedisSend;
  readonly #prefix: string;
  readonly #acknowledge: Acknowledge | undefined;
  readonly #limits: RedisCallOptions;
  #turn = 0;

  constructor(
    send: RedisSend,
    prefix: string,
    count: number,
    acknowledge: Acknowledge | undefined,
    limits: RedisCallOptions,
  ) {
    this.all = Array.from({ length: count }, (_, k) => k);
    this.#send = send;
    this.#prefix = prefix;
    this.#acknowledge = acknowledge;
    this.#limits = limits;
  }

  partitionOf(id: string): number {
    let hash = 0;
    for (let k = 0; k < id.length; k++) hash = scramble((hash ^ id.charCodeAt(k)) + 1);
    return (hash >>> 0) % this.all.length;
  }

  /** Those that may have some sagas, each time beginning with another one. */
  inTurn(ids: readonly string[] | undefined): readonly number[] {
    const first = this.#turn++ % this.all.length;
    const some = ids && new Set(ids.map((id) => this.partitionOf(id)));
    const turned = [...this.all.slice(first), ...this.all.slice(0, first)];
    return some ? turned.filter((partition) => some.has(partition)) : turned;
  }

  async run(access: Access, partition: number, verb: string, ...args: readonly Arg[]): Promise<unknown> {
    const key = `${this.#prefix}{${partition}}`;
    const acknowledge = access === 'write' ? this.#acknowledge : undefined;
    const before = acknowledge && (await this.#connection(key));
    const answer = await runScript(this.#send, SAGAS, [key], [verb, ...args.map(String)], this.#limits);
    if (acknowledge) await this.#confirm(key, acknowledge, before);
    return answer;
  }

  everywhere(access: Access, verb: string, ...args: readonly Arg[]): Promise<readonly unknown[]> {
    return Promise.all(this.all.map((partition) => this.run(access, partition, verb, ...args)));
  }

  /** Does something with items in their partitions, one call for each; the answers are in order of the items. */
  async spread<I extends { readonly id: string }, A>(
    items: readonly I[],
    access: Access,
    fn: (run: Run, some: readonly I[]) => Promise<readonly A[]>,
  ): Promise<readonly A[]> {
    const groups = new Map<number, number[]>();
    for (const [k, { id }] of items.entries()) {
      const partition = this.partitionOf(id);
      groups.set(partition, [...(groups.get(partition) ?? []), k]);
    }
    const answers: A[] = [];
    const work = Array.from(groups, async ([partition, places]) => {
      const run: Run = (verb, ...args) => this.run(access, partition, verb, ...args);
      const some = await fn(
        run,
        places.map((k) => items[k]!),
      );
      for (const [j, k] of places.entries()) answers[k] = some[j]!;
    });
    await Promise.all(work);
    return answers;
  }

  /** Rejects with the server's word where it cannot do what writes are to wait for. */
  async check(): Promise<void> {
    if (this.#acknowledge?.isOnDisk) await this.#wait(`${this.#prefix}{0}`, this.#acknowledge);
  }

  #wait(key: string, { replicas, isOnDisk }: Acknowledge): Promise<unknown> {
    const words = [String(replicas), String(Math.ceil(0.8 * this.#limits.timeoutMs))];
    return callRedis(this.#send, isOnDisk ? ['WAITAOF', '1', ...words] : ['WAIT', ...words], key, this.#limits);
  }

  /**
   * WAIT waits for all that its server had written when the connection ran its last command, so that one has to be the
   * script: a repetition that has nothing left to do waits too, and another connection may wait for less.
   */
  async #confirm(key: string, acknowledge: Acknowledge, before: string | undefined): Promise<void> {
    const { replicas } = acknowledge;
    const reply = await this.#wait(key, acknowledge);
    const [local, copies] = Array.isArray(reply) ? [Number(reply[0]), Number(reply[1])] : [1, Number(reply)];
    const isSame = before === (await this.#connection(key));
    if (isSame && local >= 1 && copies >= replicas) return;
    const why = !isSame
      ? 'the client has changed its connection'
      : local < 1
        ? 'its append-only file is not synced'
        : `${copies} of ${replicas} replicas have it`;
    const { timeoutMs } = this.#limits;
    throw new HoldfastError('ERR_STORE_TIMEOUT', `Redis has not acknowledged a write within ${timeoutMs} ms: ${why}`);
  }

  async #connection(key: string): Promise<string> {
    return String(await callRedis(this.#send, ['CLIENT', 'ID'], key, this.#limits));
  }
}
