import type { CircuitState } from '../../../src/circuit-breaker/index.ts';

/** What a process of the shop tells the one that has started it: a line of JSON each, with the Unix time. */
export type Message =
  | { readonly type: 'listening' }
  | { readonly type: 'circuit'; readonly name: string; readonly to: CircuitState; readonly atMs: number }
  /** A call that was really sent to the payment service. */
  | { readonly type: 'payment-call'; readonly shop: string; readonly atMs: number }
  /** The most connections that this process had at a time, of as many as it may have. */
  | { readonly type: 'connections'; readonly shop: string; readonly most: number }
  /** A product page for which the database was asked; `isKnown`: whether there is such a product. */
  | { readonly type: 'lookup'; readonly isKnown: boolean }
  | { readonly type: 'stale-page'; readonly atMs: number }
  /** The gateway could not ask Redis, and its own bucket has decided. */
  | { readonly type: 'limiter-alone' }
  | { readonly type: 'saga'; readonly what: string }
  | { readonly type: 'expired'; readonly count: number }
  | { readonly type: 'worker-id'; readonly shop: string; readonly id: number }
  | { readonly type: 'unhandled'; readonly error: string };

export function tell(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** The first argument of a process, and the end of the process with its parent. */
export function readJob<T>(): T {
  process.on('unhandledRejection', (error) => tell({ type: 'unhandled', error: String(error) }));
  // The parent keeps this open for as long as it lives.
  process.stdin.on('end', () => process.exit()).resume();
  // Ctrl-C reaches the whole group; the parent ends this process by itself.
  process.on('SIGINT', () => {});
  return JSON.parse(process.argv[2]!) as T;
}

/** The messages among the lines that a process has printed. */
export function messagesIn(lines: readonly string[]): readonly Message[] {
  return lines.filter((line) => line.startsWith('{"type":')).map((line) => JSON.parse(line) as Message);
}
