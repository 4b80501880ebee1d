import type { IncomingMessage, ServerResponse } from 'node:http';
import type * as HttpModule from '../src/http/index.ts';
import type * as RateLimitModule from '../src/rate-limit/index.ts';
import type { Case, Goal, Loop, Subject } from './support/case.ts';
import { awaited, time } from './support/case.ts';
import { bundled } from './support/size.ts';

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

type Ours = Pick<typeof HttpModule, 'clientIp' | 'ipKey' | 'expressRateLimit' | 'fastifyRateLimit'>;
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Answer {
  readonly statusCode: number;
}

interface ExpressModule {
  default(): Handler & {
    use(guard: unknown): void;
    get(path: string, handle: (request: unknown, response: { send(body: string): void }) => void): void;
  };
}

/** Makes a request and its answer out of nothing, for any handler of Node's `http`. */
interface InjectModule {
  default(handler: Handler, request: object): Promise<Answer>;
}

interface FastifyApp {
  register(plugin: unknown, options: object): PromiseLike<unknown>;
  addHook(name: 'onRequest', hook: unknown): void;
  get(path: string, handle: () => string): void;
  inject(request: object): Promise<Answer>;
}
interface FastifyModule {
  fastify(): FastifyApp;
}

interface FlexibleModule {
  RateLimiterMemory: new (o: { points: number; duration: number }) => {
    consume(key: string): Promise<{ remainingPoints: number; msBeforeNext: number }>;
  };
}

const HOUR = 3_600_000;
/** So many an hour that none is refused, and so few that all but the first are. */
const MANY = 1e9;
const ONE = 1;

const REQUEST = { method: 'GET', url: '/', remoteAddress: '2001:db8::1' } as const;

/** Sends a request to an app; what it answers. */
type Send = () => Promise<Answer>;
/** Makes an app that lets `limit` requests of a client through in an hour. */
type Maker = (limit: number) => Promise<Send>;

/** A server of express with what `use` puts in front. */
async function expressWith(guard?: unknown): Promise<Send> {
  const [{ default: express }, { default: inject }] = await Promise.all([
    load<ExpressModule>('express'),
    load<InjectModule>('light-my-request'),
  ]);
  const app = express();
  if (guard) app.use(guard);
  app.get('/', (_request, response) => response.send('hello'));
  return () => inject(app, REQUEST);
}

async function fastifyWith(guard: (app: FastifyApp) => unknown): Promise<Send> {
  const { fastify } = await load<FastifyModule>('fastify');
  const app = fastify();
  await guard(app);
  app.get('/', () => 'hello');
  return () => app.inject(REQUEST);
}

/** A limiter of ours, and the key of a client. */
async function ours(limit: number): Promise<readonly [Ours, RateLimitModule.RateLimiter]> {
  const { createRateLimiter, fixedWindow } = await load<typeof RateLimitModule>('holdfast/rate-limit');
  return [await load<Ours>('holdfast/http'), createRateLimiter(fixedWindow({ limit, windowMs: HOUR, name: 'api' }))];
}

/** What the guide of the peer has to be written by hand: headers and the answer. */
async function flexible(
  limit: number,
): Promise<(ip: string, tell: (headers: Record<string, string>) => void) => Promise<boolean>> {
  const { RateLimiterMemory } = await load<FlexibleModule>('rate-limiter-flexible');
  const limiter = new RateLimiterMemory({ points: limit, duration: HOUR / 1000 });
  const headersOf = (answer: { remainingPoints: number; msBeforeNext: number }): Record<string, string> => ({
    'X-RateLimit-Limit': String(limit),
    'X-RateLimit-Remaining': String(answer.remainingPoints),
    'X-RateLimit-Reset': String(Math.ceil((Date.now() + answer.msBeforeNext) / 1000)),
  });
  return (ip, tell) =>
    limiter.consume(ip).then(
      (answer) => (tell(headersOf(answer)), true),
      (refused: { remainingPoints: number; msBeforeNext: number }) => {
        tell({ ...headersOf(refused), 'Retry-After': String(Math.ceil(refused.msBeforeNext / 1000)) });
        return false;
      },
    );
}

interface ExpressResponse {
  set(headers: Record<string, string>): void;
  status(code: number): { send(body: string): void };
}
interface FastifyReply {
  headers(headers: Record<string, string>): void;
  code(status: number): { send(body: string): unknown };
}

const ALONE = 'limit: no guard';

const expressMakers: Readonly<Record<string, Maker>> = {
  holdfast: async (limit) => {
    const [{ clientIp, expressRateLimit, ipKey }, limiter] = await ours(limit);
    return expressWith(expressRateLimit(limiter, { key: (request) => ipKey(clientIp(request)) }));
  },
  'express-rate-limit': async (limit) => {
    const { rateLimit } = await load<{ rateLimit(options: object): unknown }>('express-rate-limit');
    return expressWith(rateLimit({ limit, windowMs: HOUR, standardHeaders: 'draft-8', legacyHeaders: false }));
  },
  'rate-limiter-flexible': async (limit) => {
    const ask = await flexible(limit);
    return expressWith((request: { ip: string }, response: ExpressResponse, next: (error?: unknown) => void) => {
      ask(request.ip, (headers) => response.set(headers)).then((isAllowed) => {
        if (isAllowed) next();
        else response.status(429).send('Too Many Requests');
      }, next);
    });
  },
  [ALONE]: () => expressWith(),
};

const fastifyMakers: Readonly<Record<string, Maker>> = {
  holdfast: async (limit) => {
    const [{ clientIp, fastifyRateLimit, ipKey }, limiter] = await ours(limit);
    const guard = fastifyRateLimit(limiter, { key: (request) => ipKey(clientIp(request)) });
    return fastifyWith((app) => app.addHook('onRequest', guard));
  },
  '@fastify/rate-limit': async (max) => {
    const { default: plugin } = await load<{ default: unknown }>('@fastify/rate-limit');
    return fastifyWith((app) => app.register(plugin, { max, timeWindow: HOUR, enableDraftSpec: true }));
  },
  'rate-limiter-flexible': async (limit) => {
    const ask = await flexible(limit);
    return fastifyWith((app) =>
      app.addHook('onRequest', async (request: { ip: string }, reply: FastifyReply) => {
        const isAllowed = await ask(request.ip, (headers) => reply.headers(headers));
        return isAllowed ? undefined : reply.code(429).send('Too Many Requests');
      }),
    );
  },
  [ALONE]: () => fastifyWith(() => undefined),
};

function subjects(limit: number, makers: Readonly<Record<string, Maker>>): readonly Subject<Loop>[] {
  return Object.entries(makers).map(([name, make]) => ({
    name,
    counting: 'fewer' as const,
    isPart: name === ALONE,
    prepare: async () => {
      const send = await make(limit);
      // The one that passes where only one does.
      await send();
      return { ...awaited(send), once: async () => (await send()).statusCode };
    },
  }));
}

function of(
  name: string,
  about: string,
  limit: number,
  makers: Readonly<Record<string, Maker>>,
  ...goals: readonly Goal[]
): Case {
  return {
    kind: 'loop',
    name,
    about,
    expected: limit === ONE ? 429 : 200,
    subjects: subjects(limit, makers),
    measures: [time(...goals)],
  };
}

const size: Case = {
  kind: 'observed',
  name: 'size of a guard',
  about: 'guard for express with its limiter in memory, minified and as brotli',
  rounds: 1,
  subjects: [
    bundled(
      'holdfast',
      "export { expressRateLimit, clientIp, ipKey } from 'holdfast/http'; export { createRateLimiter, fixedWindow } from 'holdfast/rate-limit';",
    ),
    bundled('express-rate-limit', "export { rateLimit } from 'express-rate-limit';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ against: 'express-rate-limit', ratio: 1 }] }],
};

const flexibleToo: Goal = { against: 'rate-limiter-flexible', ratio: 1 };
const express: Goal = { against: 'express-rate-limit', ratio: 1 };
const fastify: Goal = { against: '@fastify/rate-limit', ratio: 1 };

export const cases: readonly Case[] = [
  of(
    'express, allowed',
    'a request through a guarded express app, without sockets',
    MANY,
    expressMakers,
    express,
    flexibleToo,
  ),
  of('express, refused', 'the same for a client that has used its limit up', ONE, expressMakers, express, flexibleToo),
  of(
    'fastify, allowed',
    'a request through a guarded fastify app, by its inject',
    MANY,
    fastifyMakers,
    fastify,
    flexibleToo,
  ),
  of('fastify, refused', 'the same for a client that has used its limit up', ONE, fastifyMakers, fastify, flexibleToo),
  size,
];
