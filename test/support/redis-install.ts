import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findOnPath, isExecutable } from './find-binary.ts';
import type { Availability } from './find-binary.ts';

/** Looks for a Redis server: REDIS_SERVER, then PATH. Installs nothing. */
export function redisAvailability(): Availability {
  const named = process.env['REDIS_SERVER'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return { available: true, path: named };
    return { available: false, reason: `REDIS_SERVER=${named} is no program` };
  }
  const path = findOnPath('redis-server');
  if (path !== undefined) return { available: true, path };
  return { available: false, reason: 'no redis-server in REDIS_SERVER or PATH' };
}

/** Whether this machine lets us install a package without asking anybody. */
export function canInstallRedis(): boolean {
  const { REDIS_SERVER } = process.env;
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  return isRoot && (REDIS_SERVER === undefined || REDIS_SERVER === '') && findOnPath('apt-get') !== undefined;
}

const NO_AUTOSTART = '/usr/sbin/policy-rc.d';

/** Installs redis-server with apt-get, without its service being started, and says so. */
export function installRedis(): Availability {
  console.log('redis-server is not here: installing it (apt-get update && apt-get install -y redis-server)');
  // Debian asks this file whether a package may start its service; 101 says no.
  const isOurs = !existsSync(NO_AUTOSTART);
  if (isOurs) writeFileSync(NO_AUTOSTART, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
      const failure = aptGet(args);
      if (failure !== undefined) return { available: false, reason: `apt-get ${args.join(' ')}: ${failure}` };
    }
  } finally {
    if (isOurs) rmSync(NO_AUTOSTART, { force: true });
  }
  return redisAvailability();
}

function aptGet(args: readonly string[]): string | undefined {
  const patience = ['-o', 'DPkg::Lock::Timeout=60', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::Retries=1'];
  const { status, stderr, error } = spawnSync('apt-get', ['-qq', ...patience, ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim().split('\n').at(-1) || `ended with ${status}`);
}
