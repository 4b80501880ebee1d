import { readFileSync } from 'node:fs';
import type { Availability } from './find-binary.ts';
import { postgresAvailability } from './postgres-binaries.ts';
import { canInstallRedis, installRedis, redisAvailability } from './redis-install.ts';

/** A real server that some test files want. */
export interface WantedServer {
  readonly name: string;
  /** Matches the path or an import of a test file that wants it. */
  readonly wantedBy: RegExp;
  readonly find: () => Availability;
}

export const servers: readonly WantedServer[] = [
  {
    name: 'redis-server',
    wantedBy: /^\S*\/test\/redis\/|^(import|}) .*from '\S*\/redis(-cluster)?\.ts'/m,
    find: () => {
      const redis = redisAvailability();
      return redis.available || !canInstallRedis() ? redis : installRedis();
    },
  },
  {
    name: 'PostgreSQL',
    wantedBy: /^\S*\/test\/postgres\/|^(import|}) .*from '\S*\/postgres\.ts'/m,
    find: postgresAvailability,
  },
];

/**
 * Finds the servers that the test files of this run want, installs what may be installed, and
 * says in one line each what is there and what will be skipped. Servers that nobody wants are not
 * looked for. Throws when one is missing and `mustHaveAll`.
 */
export function prepareServers(
  files: readonly string[],
  mustHaveAll: boolean,
  wanted: readonly WantedServer[] = servers,
  print: (line: string) => void = console.log,
): void {
  const texts = files.map((file) => `${file.replaceAll('\\', '/')}\n${readFileSync(file, 'utf8')}`);
  const missing: string[] = [];
  for (const { name, wantedBy, find } of wanted) {
    const count = texts.filter((text) => wantedBy.test(text)).length;
    if (count === 0) continue;
    const server = find();
    if (server.available) {
      print(`${name}: ${server.path}`);
      continue;
    }
    missing.push(`${name} (${server.reason})`);
    const where = `${count} test ${count === 1 ? 'file' : 'files'}`;
    if (!mustHaveAll) print(`SKIPPED: tests with ${name} in ${where}, because ${server.reason}`);
  }
  if (mustHaveAll && missing.length > 0) throw new Error(`CI=true and no ${missing.join(', no ')}`);
}
