import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { root } from '../../.ci/build.ts';

/** What is made at module scope, what is counted there, and what the exported `test` does inside a request. */
const worker = `
import { reads, stopCounting } from './counted.js';
import * as holdfast from './dist/index.js';
import * as testing from './dist/testing.js';
import { constructions } from './constructions.js';
import { runSmoke } from './smoke.js';

const library = { ...holdfast, ...testing };
const made = Object.values(constructions).map((construct) => construct(library));
const clockReads = reads();
stopCounting();
console.log('constructed ' + made.length + ', clock reads ' + clockReads);

export const construct = { test() { if (clockReads > 0) throw new Error('clock reads: ' + clockReads); } };
export const smoke = { async test() { console.log('smoke passed ' + await runSmoke(library)); } };
`;

const counted = `
let count = 0;
const originals = [[Date, 'now', Date.now], [performance, 'now', performance.now.bind(performance)]];
for (const [owner, name, original] of originals) {
  Object.defineProperty(owner, name, { configurable: true, writable: true, value: () => (count++, original()) });
}
performance.now(); Date.now();
if (count !== 2) throw new Error('reads of the clock are not counted here');
count = 0;
export const reads = () => count;
export const stopCounting = () => {
  for (const [owner, name, original] of originals) {
    Object.defineProperty(owner, name, { configurable: true, writable: true, value: original });
  }
};
`;

/** Runs one of the worker's exported tests on the built files in `dist`. */
export function runWorkerd(
  workerd: string,
  dist: string,
  entry: 'construct' | 'smoke',
): { status: number | null; output: string } {
  const folder = mkdtempSync(join(root, '.cache/workerd-'));
  try {
    cpSync(dist, join(folder, 'dist'), { recursive: true });
    writeFileSync(join(folder, 'worker.js'), worker);
    writeFileSync(join(folder, 'counted.js'), counted);
    writeFileSync(join(folder, 'constructions.js'), asJavaScript('test/package/constructions.ts'));
    writeFileSync(join(folder, 'smoke.js'), asJavaScript('test/matrix/smoke.ts'));
    writeFileSync(join(folder, 'config.capnp'), configOf(folder));
    const { status, stdout, stderr, error } = spawnSync(workerd, ['test', 'config.capnp', `main:${entry}`], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function configOf(folder: string): string {
  const built = readdirSync(join(folder, 'dist')).filter((file) => file.endsWith('.js'));
  const files = ['worker.js', 'counted.js', 'constructions.js', 'smoke.js', ...built.map((file) => `dist/${file}`)];
  const modules = files.map((file) => `(name = "${file}", esModule = embed "${file}")`).join(',\n');
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = (
  modules = [${modules}],
  compatibilityDate = "2026-11-01",
))]);
`;
}

function asJavaScript(path: string): string {
  return transformSync(readFileSync(join(root, path), 'utf8'), { loader: 'ts', target: 'es2022' }).code;
}
