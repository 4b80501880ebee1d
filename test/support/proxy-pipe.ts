import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What one direction of a proxied connection asks while it passes bytes on. */
export interface PipeRules {
  delayMs(): number;
  bytesPerSecond(): number | undefined;
  /** Resolves when bytes may pass. */
  untilOpen(): Promise<void>;
  /** Bytes that may still pass before the connection is cut; `undefined` means any number. */
  bytesLeft(): number | undefined;
  passed(bytes: number): void;
  cut(): void;
}

interface Piece {
  /** `undefined` stands for the end of the stream. */
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

/** More than this is not read ahead, as the buffers of a real network are bounded. */
const READ_AHEAD_BYTES = 1_000_000;

/** Slices per second of a connection with limited bandwidth. */
const SLICES_PER_SECOND = 100;

/** Passes what one socket receives on to another, as the rules allow, in order. */
export class ProxyPipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rules: PipeRules;
  readonly #pieces: Piece[] = [];
  #held = 0;
  #isPumping = false;

  constructor(from: Socket, to: Socket, rules: PipeRules) {
    this.#from = from;
    this.#to = to;
    this.#rules = rules;
    from.on('data', (bytes: Buffer) => this.#push(bytes));
    from.on('end', () => this.#push(undefined));
  }

  #push(bytes: Buffer | undefined): void {
    this.#pieces.push({ bytes, dueMs: performance.now() + this.#rules.delayMs() });
    this.#held += bytes?.length ?? 0;
    if (this.#held > READ_AHEAD_BYTES) this.#from.pause();
    if (!this.#isPumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    for (let piece = this.#pieces.shift(); piece; piece = this.#pieces.shift()) {
      await until(piece.dueMs);
      await this.#rules.untilOpen();
      if (!piece.bytes) this.#to.end();
      else await this.#pass(piece.bytes);
      this.#held -= piece.bytes?.length ?? 0;
      if (this.#from.isPaused() && this.#held <= READ_AHEAD_BYTES) this.#from.resume();
    }
    this.#isPumping = false;
  }

  async #pass(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#to.destroyed;) {
      const rate = this.#rules.bytesPerSecond();
      const slice = rate === undefined ? bytes.length : Math.max(1, Math.floor(rate / SLICES_PER_SECOND));
      const left = this.#rules.bytesLeft() ?? Number.POSITIVE_INFINITY;
      const part = bytes.subarray(at, at + Math.min(slice, left));
      if (part.length > 0) await this.#write(part);
      at += part.length;
      if (part.length >= left) return this.#rules.cut();
      if (rate !== undefined) await until(performance.now() + (part.length / rate) * 1000);
      await this.#rules.untilOpen();
    }
  }

  async #write(part: Buffer): Promise<void> {
    this.#rules.passed(part.length);
    if (this.#to.destroyed || this.#to.write(part)) return;
    await Promise.race([once(this.#to, 'drain'), once(this.#to, 'close')]).catch(() => {});
  }
}

/** Node's timers may fire up to a millisecond early. */
async function until(dueMs: number): Promise<void> {
  for (let leftMs = dueMs - performance.now(); leftMs > 0; leftMs = dueMs - performance.now()) {
    await delay(Math.ceil(leftMs), undefined, { ref: false });
  }
}
