import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';

/** The repository's root: npm scripts and the tests run there. */
export const root: string = join(import.meta.dirname, '..');

const stamp = join(root, '.cache/build-stamp');
const inputs = ['src', '.ci/entry-points.ts', 'tsup.config.ts', 'tsconfig.json', 'package.json', 'package-lock.json'];

/** Runs a program to its end; throws with all that it printed when it fails. */
export function runOrThrow(command: string, args: readonly string[], cwd: string = root): string {
  const run = spawnSync(command, args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' });
  if (run.status === 0) return run.stdout;
  const said = run.error?.message ?? `${run.stdout}${run.stderr}`;
  throw new Error(`${command} ${args.join(' ')} failed with ${run.status}\n${said}`);
}

/** Builds `dist` unless it is what the sources of this moment make, and returns a hash of it. */
export function ensureBuilt(): string {
  const wanted = hashOf(inputs);
  const isFresh = existsSync(stamp) && existsSync(join(root, 'dist'));
  const built = isFresh ? hashOf(['dist']) : '';
  if (!isFresh || readFileSync(stamp, 'utf8') !== `${wanted} ${built}`) {
    runOrThrow(process.execPath, [join(root, 'node_modules/tsup/dist/cli-default.js'), '--silent']);
    mkdirSync(join(root, '.cache'), { recursive: true });
    writeFileSync(stamp, `${wanted} ${hashOf(['dist'])}`);
  }
  return hashOf(['dist', 'package.json']);
}

/**
 * Installs the package as a user gets it, from the tarball that `npm pack` makes, and returns the
 * folder that has it under `node_modules`. The folder is never written to again, so a later build
 * does not disturb who reads it.
 */
export function installPacked(): string {
  const folder = join(root, '.cache/packed', ensureBuilt().slice(0, 16));
  if (existsSync(folder)) return folder;
  mkdirSync(join(root, '.cache/packed'), { recursive: true });
  const draft = mkdtempSync(join(root, '.cache/packed/draft-'));
  const [tarball] = JSON.parse(
    runOrThrow('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', draft]),
  ) as [{ filename: string }];
  writeFileSync(join(draft, 'package.json'), '{ "name": "consumer", "private": true }\n');
  runOrThrow('npm', ['install', '--no-audit', '--no-fund', '--offline', `./${tarball.filename}`], draft);
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
  return folder;
}

function hashOf(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(filesUnder)) hash.update(`${path}\n`).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

/** All files at or under a path of the repository, sorted, as paths from its root. */
export function filesUnder(path: string): string[] {
  if (statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}
