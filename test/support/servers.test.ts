import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Availability } from './find-binary.ts';
import { prepareServers, servers } from './servers.ts';

const here = fileURLToPath(import.meta.url);

function prepare(find: () => Availability, mustHaveAll = false, wantedBy = /servers\.test/): readonly string[] {
  const lines: string[] = [];
  prepareServers([here], mustHaveAll, [{ name: 'engine', wantedBy, find }], (line) => lines.push(line));
  return lines;
}

const missing = (): Availability => ({ available: false, reason: 'it is not here' });

describe('prepareServers', () => {
  it('says where a server is', () => {
    expect(prepare(() => ({ available: true, path: '/bin/engine' }))).toEqual(['engine: /bin/engine']);
  });

  it('says what is skipped and why', () => {
    expect(prepare(missing)).toEqual(['SKIPPED: tests with engine in 1 test file, because it is not here']);
  });

  it('fails the run on CI when a server is missing', () => {
    expect(() => prepare(missing, true)).toThrow('CI=true and no engine (it is not here)');
  });

  it('does not look for a server that no test file of the run wants', () => {
    const find = (): never => {
      throw new Error('looked for it');
    };
    expect(prepare(find, true, /(?!)/)).toEqual([]);
  });

  it('knows who wants a server by its folder or its imports', () => {
    const [redis, postgres] = servers.map((server) => server.wantedBy) as [RegExp, RegExp];
    expect(redis.test('/x/test/redis/rate-limiter.test.ts')).toBe(true);
    expect(redis.test(`import { startRedisCluster } from '../support/redis-cluster.ts';`)).toBe(true);
    expect(redis.test(`import { connectRedis } from './redis-client.ts';`)).toBe(false);
    expect(postgres.test(`import { startPostgres } from '../support/postgres.ts';`)).toBe(true);
    expect(postgres.test('/x/test/pool/pool.test.ts')).toBe(false);
  });
});
