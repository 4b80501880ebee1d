import type { SagaStore } from './saga-store.ts';

/*
 * Being told by the store what there is to do. Nobody waits for it: it saves waiting for the next look, and where it
 * has failed, a look asks for it again.
 */
export class WakeUps {
  readonly #store: SagaStore;
  readonly #wake: (worker?: string) => void;
  readonly #onFault: (error: unknown) => void;
  #isAsked = false;
  #hasEnded = false;
  #end: (() => PromiseLike<void>) | undefined;

  constructor(store: SagaStore, wake: (worker?: string) => void, onFault: (error: unknown) => void) {
    this.#store = store;
    this.#wake = wake;
    this.#onFault = onFault;
  }

  listen(): void {
    if (!this.#store.subscribe || this.#isAsked || this.#hasEnded) return;
    this.#isAsked = true;
    this.#subscribe().catch((error: unknown) => {
      this.#isAsked = false;
      this.#onFault(error);
    });
  }

  /** Rejects with the fault of the store. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await this.#end?.();
  }

  async #subscribe(): Promise<void> {
    const end = await this.#store.subscribe!(this.#wake);
    if (this.#hasEnded) await end();
    else this.#end = end;
  }
}
