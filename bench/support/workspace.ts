import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { installPacked, root } from '../../.ci/build.ts';

const benchFolder = join(root, 'bench');
const peersFolder = join(benchFolder, 'peers');

/** Areas by name, each with its `<area>.bench.ts` and `<area>-<topic>.bench.ts`. */
export function areas(): Map<string, string[]> {
  const files = readdirSync(benchFolder).filter((file) => file.endsWith('.bench.ts'));
  const names = readdirSync(join(root, 'src')).filter((name) => files.includes(`${name}.bench.ts`));
  return new Map(
    names.map((name) => {
      const own = files.filter((file) => file === `${name}.bench.ts` || file.startsWith(`${name}-`));
      return [name, own.sort((a, b) => a.length - b.length)];
    }),
  );
}

/** Installs the peers at the locked versions, unless they are there. */
export function ensurePeers(): void {
  const stamp = join(peersFolder, 'node_modules/.holdfast-lock');
  const lock = readFileSync(join(peersFolder, 'package-lock.json'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('bench: installing the peers');
  // This Node, not another one on the path, so that each peer's "engines" is judged by what runs it.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  const npm = spawnSync('npm', args, { cwd: peersFolder, env, stdio: 'inherit', shell: process.platform === 'win32' });
  if (npm.status !== 0) throw new Error('npm ci of the peers failed');
  writeFileSync(stamp, lock);
}

/** Versions of the peers as installed. */
export function peerVersions(): Record<string, string> {
  const { dependencies } = readJson<{ dependencies: Record<string, string> }>(join(peersFolder, 'package.json'));
  return Object.fromEntries(
    Object.keys(dependencies).map((name) => {
      const { version } = readJson<{ version: string }>(join(peersFolder, 'node_modules', name, 'package.json'));
      return [name, version];
    }),
  );
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

/**
 * Makes the folder that a run's children work in: the built package as `npm pack` gives it and the
 * peers in `node_modules`, beside one bundle of the cases. A build during the run disturbs nobody.
 */
export async function makeWorkspace(area: string, files: readonly string[]): Promise<string> {
  removeAbandoned();
  const folder = join(root, '.cache/bench', `${area}-${process.pid}`);
  const modules = join(folder, 'node_modules');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(modules, { recursive: true });
  const installed = join(peersFolder, 'node_modules');
  const peers = readdirSync(installed).filter((name) => !name.startsWith('.'));
  for (const name of peers) symlinkSync(join(installed, name), join(modules, name), 'junction');
  symlinkSync(join(installPacked(), 'node_modules/holdfast'), join(modules, 'holdfast'), 'junction');
  // A package of its own: inside the library's, `holdfast` would mean its sources' `dist`, whatever node_modules has.
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "holdfast-bench-child", "private": true, "type": "module" }\n',
  );
  const imports = files.map((file, k) => `import { cases as cases${k} } from './${file}';`).join('\n');
  const all = files.map((_, k) => `...cases${k}`).join(', ');
  await build({
    stdin: {
      contents: `import { serve } from './support/child.ts';\n${imports}\nawait serve([${all}]);`,
      resolveDir: benchFolder,
      loader: 'ts',
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    outfile: join(folder, 'child.mjs'),
  });
  return folder;
}

/** Takes away the folders of runs that were killed. */
function removeAbandoned(): void {
  const parent = join(root, '.cache/bench');
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    const pid = Number(/-(\d+)$/.exec(name)?.[1]);
    if (pid > 0 && !isRunning(pid)) removeWorkspace(join(parent, name));
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Takes away what {@link makeWorkspace} made. */
export function removeWorkspace(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
