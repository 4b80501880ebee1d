import { describe, expect, it } from 'vitest';
import type { RateLimitGuardOptions } from '../../src/http/index.ts';
import { withRateLimit } from '../../src/http/index.ts';
import { createRateLimiter, fixedWindow, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush, gate } from '../support/gate.ts';
import { collectReports } from '../policy/kit.ts';
import { byUser, hello, kinds, limitsOf, PROBLEM, request, threeAtOnce } from './guard-kit.ts';

describe.each(kinds)('withRateLimit with a limiter %s', (_, over) => {
  it('a guard passes what the limiter admits and answers the rest with 429, headers and problem details', async () => {
    const { limiter } = threeAtOnce();
    let calls = 0;
    const handle = withRateLimit(over(limiter), byUser())(() => (calls++, hello()));
    const answers = [];
    for (let k = 0; k < 5; k++) answers.push(await handle(request('a')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    expect(calls).toBe(3);
    expect(limitsOf(answers[1]!)).toEqual({
      RateLimit: '"api";r=1;t=2',
      'RateLimit-Policy': '"api";q=1;w=1',
      'Retry-After': null,
      'Content-Type': 'text/plain',
    });
    expect(limitsOf(answers[3]!)).toEqual({
      RateLimit: '"api";r=0;t=1',
      'RateLimit-Policy': '"api";q=1;w=1',
      'Retry-After': '1',
      'Content-Type': 'application/problem+json',
    });
    expect(await answers[3]!.json()).toEqual(PROBLEM);
  });

  it('each key is counted for itself, and all requests without a key together', async () => {
    const { limiter } = threeAtOnce();
    const handle = withRateLimit(over(limiter), byUser())(hello);
    const statuses = async (...users: readonly (string | undefined)[]): Promise<number[]> => {
      const answers = await Promise.all(users.map((user) => handle(request(user))));
      return answers.map(({ status }) => status);
    };
    expect(await statuses('a', 'a', 'a', 'a', 'b', undefined, undefined)).toEqual([200, 200, 200, 429, 200, 200, 200]);
    expect(await statuses(undefined, undefined, 'b')).toEqual([200, 429, 200]);
  });

  it('takes keys and costs that come later, and what a request costs', async () => {
    const { limiter } = threeAtOnce();
    const options = byUser({ key: async () => 'a', cost: async ({ headers }) => Number(headers.get('x-cost')) });
    const handle = withRateLimit(over(limiter), options)(hello);
    const ask = (cost: string): Promise<Response> => handle(request('a', { 'x-cost': cost }));
    expect((await ask('2')).headers.get('RateLimit')).toBe('"api";r=1;t=2');
    const refused = await ask('2');
    expect([refused.status, refused.headers.get('RateLimit')]).toEqual([429, '"api";r=1;t=1']);
    const never = await ask('4');
    expect([never.status, limitsOf(never)]).toEqual([
      429,
      {
        RateLimit: '"api";r=1',
        'RateLimit-Policy': '"api";q=1;w=1',
        'Retry-After': null,
        'Content-Type': 'application/problem+json',
      },
    ]);
    expect((await ask('0')).status).toBe(200);
    await expect(ask('0.5')).rejects.toThrow('cost must be an integer of at least 0, got 0.5');
  });

  it('leaves alone what is skipped', async () => {
    const { limiter } = threeAtOnce();
    const skip = async ({ headers }: Request): Promise<boolean> => headers.has('x-health');
    const handle = withRateLimit(over(limiter), byUser({ skip }))(hello);
    for (let k = 0; k < 5; k++) {
      const response = await handle(request('a', { 'x-health': '1' }));
      expect([response.status, response.headers.get('RateLimit')]).toEqual([200, null]);
    }
    expect(limiter.size).toBe(0);
    expect((await handle(request('a'))).headers.get('RateLimit')).toBe('"api";r=2;t=1');
  });

  it('gives back the cost of answers that refund names, and of no other', async () => {
    const { limiter } = threeAtOnce();
    const statuses = [500, 200, 404, 500];
    const handle = withRateLimit(
      over(limiter),
      byUser({ refund: (status) => status >= 500 }),
    )(() => new Response('', { status: statuses.shift()! }));
    const left = [];
    for (let k = 0; k < 4; k++) {
      await handle(request('a'));
      await flush();
      left.push(limiter.peek('a', 0).remaining);
    }
    expect(left).toEqual([3, 2, 1, 1]);
  });

  it('a request whose cost is given back is as if never made, without a gift to a later window', async () => {
    const clock = createVirtualClock();
    const policy = fixedWindow({ limit: 2, windowMs: 1_000, name: 'api' });
    const limiter = createRateLimiter(policy, { clock });
    const slow = gate();
    const handle = withRateLimit(
      over(limiter),
      byUser({ refund: (status) => status === 500 }),
    )(async () => {
      await slow.promise;
      return new Response('', { status: 500 });
    });
    const late = handle(request('a'));
    await flush();
    expect(limiter.peek('a', 0).remaining).toBe(1);
    await clock.advance(1_500);
    expect(limiter.consume('a', 2).allowed).toBe(true);
    slow.open();
    await late;
    await flush();
    expect(limiter.peek('a', 0).remaining).toBe(0);
  });

  it('refuses at a refund as without one', async () => {
    const { limiter } = threeAtOnce();
    const handle = withRateLimit(over(limiter), byUser({ refund: () => false }))(hello);
    const answers = [];
    for (let k = 0; k < 4; k++) answers.push(await handle(request('a')));
    expect(answers.map(({ headers }) => headers.get('RateLimit'))).toEqual([
      '"api";r=2;t=1',
      '"api";r=1;t=2',
      '"api";r=0;t=3',
      '"api";r=0;t=1',
    ]);
    expect(await answers[3]!.json()).toEqual(PROBLEM);
  });

  it('lets an error of the handler through, and gives its cost back as that of a 500', async () => {
    const { limiter } = threeAtOnce();
    const told: number[] = [];
    const refund = (status: number): boolean => told.push(status) > 0;
    const handle = withRateLimit(
      over(limiter),
      byUser({ refund }),
    )(() => {
      throw new Error('broken');
    });
    await expect(handle(request('a'))).rejects.toThrow('broken');
    await flush();
    expect([told, limiter.peek('a', 0).remaining]).toEqual([[500], 3]);
  });

  it('announces every policy, and tells of the one that binds', async () => {
    const clock = createVirtualClock();
    const policies = [
      slidingWindow({ limit: 100, windowMs: 3_600_000, name: 'hour' }),
      tokenBucket({ limit: 2, periodMs: 1_000, name: 'second' }),
    ];
    const limiter = createRateLimiter(policies, { clock });
    const handle = withRateLimit(over(limiter), byUser())(hello);
    const passed = await handle(request('a'));
    expect(passed.headers.get('RateLimit-Policy')).toBe('"hour";q=100;w=3600, "second";q=2;w=1');
    expect(passed.headers.get('RateLimit')).toMatch(/^"second";r=1;t=\d+$/);
    await handle(request('a'));
    const refused = await handle(request('a'));
    expect(refused.headers.get('RateLimit')).toBe('"second";r=0;t=1');
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['second'] });
  });

  it('says nothing bad in shadow mode', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: 1_000 }), { clock, shadow: true });
    for (const refund of [undefined, () => false]) {
      const handle = withRateLimit(over(limiter), byUser({ refund }))(hello);
      for (let k = 0; k < 3; k++) {
        const response = await handle(request('a'));
        expect([response.status, response.headers.get('Retry-After')]).toEqual([200, null]);
      }
    }
  });
});

describe('the answer of a handler', () => {
  const handled = async (response: Response): Promise<Response> =>
    withRateLimit(threeAtOnce().limiter, byUser())(() => response)(request('a'));

  it('keeps its own headers, status and body', async () => {
    const response = await handled(new Response('tea', { status: 418, headers: { 'X-Own': '1' } }));
    expect([response.status, response.headers.get('X-Own'), await response.text()]).toEqual([418, '1', 'tea']);
    expect(response.headers.get('RateLimit')).toBe('"api";r=2;t=1');
  });

  it('gets the fields also where its headers cannot be changed', async () => {
    const response = await handled(Response.redirect('https://example.org/there', 307));
    expect(response.status).toBe(307);
    expect(response.headers.get('Location')).toBe('https://example.org/there');
    expect(response.headers.get('RateLimit')).toBe('"api";r=2;t=1');
  });

  it('gets the fields also where it is that of a fetch, whose headers nobody can change', async () => {
    const response = await handled(await fetch('data:text/plain,fetched'));
    expect([response.status, await response.text()]).toEqual([200, 'fetched']);
    expect(response.headers.get('RateLimit')).toBe('"api";r=2;t=1');
  });

  it('is left alone where it cannot be copied', async () => {
    const response = Response.error();
    expect(await handled(response)).toBe(response);
  });

  it('is given the arguments that a runtime passes', async () => {
    const limited = withRateLimit(threeAtOnce().limiter, byUser());
    const handle = limited((_request: Request, env: { name: string }, n: number) => new Response(env.name.repeat(n)));
    expect(await (await handle(request('a'), { name: 'x' }, 2)).text()).toBe('xx');
  });
});

describe('callbacks and options', () => {
  it('a request whose client has hung up keeps its cost, whatever the handler answers', async () => {
    const { limiter } = threeAtOnce();
    const handle = withRateLimit(limiter, byUser({ refund: () => true }));
    for (const answer of [() => hello(), () => Promise.reject(new Error('gone'))]) {
      const controller = new AbortController();
      const asked = handle(() => (controller.abort(), answer()))(new Request(request('a'), controller));
      await asked.catch(() => {});
    }
    expect(limiter.peek('a', 0).remaining).toBe(1);
  });

  it('a refund that throws is reported, and nothing is given back', async () => {
    const reports = collectReports();
    const { limiter } = threeAtOnce();
    const refund = (): boolean => {
      throw new Error('refund is broken');
    };
    expect((await withRateLimit(limiter, byUser({ refund }))(hello)(request('a'))).status).toBe(200);
    expect([reports, limiter.peek('a', 0).remaining]).toEqual([[new Error('refund is broken')], 2]);
  });

  it('a key, a cost or a skip that throws rejects the request, and nothing is taken', async () => {
    for (const name of ['key', 'cost', 'skip'] as const) {
      const { limiter } = threeAtOnce();
      const fail = (): never => {
        throw new Error(`${name} is broken`);
      };
      const handle = withRateLimit(limiter, byUser({ [name]: fail }))(() => expect.unreachable('not called'));
      await expect(handle(request('a'))).rejects.toThrow(`${name} is broken`);
      expect(limiter.size).toBe(0);
    }
  });

  it('partition keys, formats and jitter reach the headers', async () => {
    const { limiter, clock } = threeAtOnce();
    const options = byUser({
      partitionKey: (key) => (key === undefined ? undefined : `user ${key}`),
      format: 'both',
      jitterMs: 10_000,
      random: () => 0.5,
      clock,
    });
    const handle = withRateLimit(limiter, options)(hello);
    const { headers } = await handle(request('a'));
    expect(headers.get('RateLimit')).toBe('"api";r=2;t=1;pk=:dXNlciBh:');
    expect(headers.get('RateLimit-Policy')).toBe('"api";q=1;w=1;pk=:dXNlciBh:');
    expect(headers.get('X-RateLimit-Reset')).toBe(String(Math.ceil((clock.epochMs() + 1_000) / 1_000)));
    expect((await handle(request())).headers.get('RateLimit')).toBe('"api";r=2;t=1');
    limiter.consume('a', 2);
    expect((await handle(request('a'))).headers.get('Retry-After')).toBe('6');
  });

  it.each([
    [{ key: undefined }, 'key must be a function, got undefined'],
    [{ cost: null }, 'cost must be a function, got null'],
    [{ skip: true }, 'skip must be a function, got true'],
    [{ refund: {} }, 'refund must be a function, got object'],
    [{ partitionKey: null }, 'partitionKey must be a function, got null'],
    [{ format: 'draft-6' }, 'format must be one of draft-11, legacy, both, got "draft-6"'],
    [{ jitterMs: -1 }, 'jitterMs must be a number of at least 0, got -1'],
  ])('are refused: %j', (options, message) => {
    const bad = byUser(options as unknown as Partial<RateLimitGuardOptions<Request>>);
    expect(() => withRateLimit(threeAtOnce().limiter, bad)).toThrow(message);
  });

  it('a policy whose name no header can carry is refused by name', () => {
    expect(() => withRateLimit(threeAtOnce('a\r\nX: y').limiter, byUser())).toThrow(
      String.raw`name of a policy must be printable ASCII, got "a\r\nX: y"`,
    );
  });
});
