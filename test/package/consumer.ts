import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { entryPoints } from '../../.ci/entry-points.ts';

/** What a program said and how it ended. */
export interface Ran {
  readonly status: number | null;
  readonly output: string;
}

/** Every import path of the package. */
export const importPaths: readonly string[] = Object.keys(entryPoints).map((name) =>
  name === 'index' ? 'holdfast' : `holdfast/${name}`,
);

/** The folder of the installed package. */
export function packageFolder(): string {
  return join(inject('consumer'), 'node_modules/holdfast');
}

/** Runs a program in a folder without anything to read from. */
export function run(command: string, args: readonly string[], cwd: string): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` };
}

/** Writes files into a new folder beside the installed package, from where it can be imported by name. */
export function writeProject(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(inject('consumer'), name);
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Runs a script that prints one JSON value and returns that value. */
export function evaluate<T>(name: string, fileName: string, script: string): T {
  const folder = writeProject(name, { [fileName]: script });
  const { status, output } = run(process.execPath, [fileName], folder);
  if (status !== 0) throw new Error(output);
  return JSON.parse(output) as T;
}

/** Reads a text file of the installed package. */
export function readPackageFile(path: string): string {
  return readFileSync(join(packageFolder(), path), 'utf8');
}
