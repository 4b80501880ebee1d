/*
 * The service that the demo breaks: prices over HTTP on loopback, in a process of its own so that
 * it can be killed and frozen. Started by service-process.ts, which tells it when to be slow.
 */
import { createServer } from 'node:http';
import { createSeededRandom } from '../../../src/testing/index.ts';
import { watchStalls } from './stalls.ts';

export interface ServiceSettings {
  readonly port: number;
  readonly seed: number;
  readonly answerMs: readonly [least: number, most: number];
  readonly flakyRate: number;
}

export type FromService =
  | { readonly type: 'listening' }
  | { readonly type: 'failed'; readonly code: string }
  | { readonly type: 'slowed' }
  | { readonly type: 'stalled'; readonly ms: number };

export interface ToService {
  /** Answers take this long from now on; null: as ever. */
  readonly answerMs: number | null;
}

function serve({ port, seed, answerMs: [least, most], flakyRate }: ServiceSettings): void {
  const random = createSeededRandom(seed);
  let slowMs: number | null = null;
  const tell = (message: FromService): void => void process.send?.(message);

  // Longer than the demo, so that an idle connection is not closed just as a request comes along it.
  const server = createServer({ keepAliveTimeout: 120_000 }, (_request, response) => {
    const isFlaky = random() < flakyRate;
    const body = isFlaky ? { error: 'busy' } : { price: 90 + Math.floor(random() * 20) };
    const reply = (): void => {
      response.writeHead(isFlaky ? 503 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    setTimeout(reply, slowMs ?? least + random() * (most - least));
  });
  server.on('error', (error: NodeJS.ErrnoException) => tell({ type: 'failed', code: error.code ?? error.message }));
  server.listen(port, '127.0.0.1', () => tell({ type: 'listening' }));

  watchStalls((ms) => tell({ type: 'stalled', ms }));
  process.on('message', ({ answerMs }: ToService) => {
    slowMs = answerMs;
    if (answerMs !== null) tell({ type: 'slowed' });
  });
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches the whole group; the parent ends this process by itself.
  process.on('SIGINT', () => {});
}

serve(JSON.parse(process.argv[2] ?? '') as ServiceSettings);
