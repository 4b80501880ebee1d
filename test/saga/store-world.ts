import { expect } from 'vitest';
import type {
  ClaimQuery,
  NewLogEntry,
  NewSaga,
  SagaSnapshot,
  SagaStore,
  SagaVersion,
  SagaWrite,
} from '../../src/saga/index.ts';

/** A store under test. All tests may share one: each has ids and definitions of its own. */
export interface StoreUnderTest {
  readonly store: SagaStore;
  /** Lets at least so much time pass by the store's clock. */
  readonly pass: (ms: number) => PromiseLike<void>;
}

/** Text that is easily broken on its way. */
export const HOSTILE = '{"text":"\\u0000 \\ud800 é 😀 \' \\" \\\\ $1 %s {} __proto__"}';

let tests = 0;

/** A world of its own in a store that others use too. */
export class World {
  readonly store: SagaStore;
  readonly definition: SagaVersion = { name: `saga ${++tests} ${Math.random()} {}:%'"`, version: 1 };
  #sagas = 0;

  constructor({ store }: StoreUnderTest) {
    this.store = store;
  }

  saga(part: Partial<NewSaga> = {}): NewSaga {
    return { ...this.definition, id: `${this.definition.name}/${++this.#sagas}`, input: '1', ...part };
  }

  async created(worker: string, part: Partial<NewSaga> = {}): Promise<string> {
    const [record] = await this.store.create(worker, [this.saga(part)]);
    expect([record!.worker, record!.fence]).toEqual([worker, 1]);
    return record!.id;
  }

  claim(worker: string, part: Partial<ClaimQuery> = {}): PromiseLike<readonly SagaSnapshot[]> {
    return this.store.claim({
      worker,
      definitions: [this.definition],
      limit: 100,
      suspects: 0,
      suspectAfter: 3,
      ids: undefined,
      held: undefined,
      isStuck: false,
      ...part,
    });
  }

  /** A saga that its worker let go of, due `afterMs` later. */
  async released(worker: string, releaseAfterMs: number = 0, part: Partial<SagaWrite> = {}): Promise<string> {
    const id = await this.created(worker);
    expect(await this.store.write(worker, [write(id, { releaseAfterMs, ...part })])).toEqual([true]);
    return id;
  }
}

export function entry(path: string, part: Partial<NewLogEntry> = {}): NewLogEntry {
  return { type: 'completed', path, attempt: 1, data: '"done"', ...part };
}

export function write(id: string, part: Partial<SagaWrite> = {}): SagaWrite {
  return {
    id,
    fence: 1,
    seq: 0,
    entries: [],
    outbox: [],
    status: 'running',
    isCancellable: true,
    seenSignals: 0,
    releaseAfterMs: undefined,
    ...part,
  };
}

export const LEASE_MS = 60_000;
export const SHORT_MS = 300;
