import type { RequestListener } from 'node:http';
import { createScalableBloom } from '../../../src/bloom/index.ts';
import { createCache } from '../../../src/cache/index.ts';
import type { GuardLimiter } from '../../../src/http/index.ts';
import { nodeRateLimit } from '../../../src/http/index.ts';
import type { Snowflake } from '../../../src/snowflake/index.ts';
import { fromBase62, toBase62 } from '../../../src/snowflake/index.ts';

/** Where links are kept: a table with the id as its key. */
export interface LinkStore {
  save(id: bigint, url: string): Promise<void>;
  find(id: bigint): Promise<string | undefined>;
  /** All ids, for the filter of a process that starts. */
  ids(): Iterable<bigint>;
}

export interface ShortenerOptions {
  readonly store: LinkStore;
  /** One for each process, with a worker id of its own: no two make the same link, and none asks another. */
  readonly ids: Snowflake;
  readonly maxCached: number;
}

export interface Shortener {
  /** Answers eleven characters that sort by age. */
  shorten(url: string): Promise<string>;
  follow(code: string): Promise<string | undefined>;
}

export function createShortener({ store, ids, maxCached }: ShortenerOptions): Shortener {
  // Codes that nobody ever made do not reach the store: most of them are guesses.
  const known = createScalableBloom({ initialCapacity: 1_000, falsePositiveRate: 0.01 });
  known.addAll(store.ids());
  const links = createCache<bigint, string>({ maxEntries: maxCached, loader: (id) => store.find(id) });
  return {
    async shorten(url) {
      const id = ids.next();
      await store.save(id, url);
      // Only then: a link that is followed at once finds the store ready.
      known.add(id);
      return toBase62(id);
    },
    async follow(code) {
      const id = idOf(code);
      return id !== undefined && known.has(id) ? links.getOrLoad(id) : undefined;
    },
  };
}

function idOf(code: string): bigint | undefined {
  try {
    return fromBase62(code);
  } catch {
    return undefined;
  }
}

/** POST a URL to get a code, GET /code to be sent there. Making links is limited for each client, following is not. */
export function shortenerServer(shortener: Shortener, limiter: GuardLimiter): RequestListener {
  const mayPass = nodeRateLimit(limiter, {
    key: ({ headers, socket }) => String(headers['x-api-key'] ?? socket.remoteAddress),
    skip: ({ method }) => method !== 'POST',
  });
  const answer = async (...[request, response]: Parameters<RequestListener>): Promise<void> => {
    if (!(await mayPass(request, response))) return;
    if (request.method === 'POST') {
      let url = '';
      for await (const chunk of request) url += String(chunk);
      if (!URL.canParse(url)) return void response.writeHead(400).end('no URL\n');
      return void response.writeHead(201).end(await shortener.shorten(url));
    }
    const location = await shortener.follow(request.url!.slice(1));
    if (location === undefined) return void response.writeHead(404).end('no such link\n');
    response.writeHead(302, { location }).end();
  };
  return (request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  };
}
