// `npm run matrix [name ...]`: the built package on every runtime it promises. Runs the suites that
// need nothing but JavaScript on each, and a few real calls through `import` and `require`.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPacked, root } from '../../.ci/build.ts';
import { chromiumTool } from './chromium.ts';
import { makeJsrPackage } from './jsr.ts';
import { smokeScript } from './smoke-script.ts';
import { nodeTool, runtimeTool, type Tool } from './tools.ts';
import { versions } from './versions.ts';
import { runWorkerd } from './workerd.ts';

interface Result {
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly tests: string;
  readonly output: string;
}

interface Target {
  readonly name: string;
  readonly version: string;
  readonly tool: () => Tool;
  readonly run: (path: string) => Promise<Result>;
}

const isCI = process.env['CI'] === 'true';
const seed = process.env['HOLDFAST_SEED'] ?? String(Math.floor(Math.random() * 0x7fff_ffff));
const consumer = installPacked();
const dist = join(consumer, 'node_modules/holdfast/dist');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const suite = [vitest, 'run', '--config', join(root, 'test/matrix/vitest.config.ts')];

const targets: readonly Target[] = [
  ...versions.node.map((version) => ({
    name: `node${version.split('.')[0]}`,
    version,
    tool: () => nodeTool(version),
    run: (node: string) => suiteAndSmoke(node, [], []),
  })),
  {
    name: 'bun',
    version: versions.bun,
    tool: () => runtimeTool('bun'),
    run: (bun) => suiteAndSmoke(bun, ['--bun'], ['--pool=threads']),
  },
  {
    name: 'deno',
    version: versions.deno,
    tool: () => runtimeTool('deno'),
    run: inDeno,
  },
  { name: 'chromium', version: '', tool: chromiumTool, run: inChromium },
  { name: 'workerd', version: versions.workerd, tool: () => runtimeTool('workerd'), run: inWorkerd },
];

async function suiteAndSmoke(runtime: string, flags: readonly string[], options: readonly string[]): Promise<Result> {
  const tests = await execute(runtime, [...flags, ...suite, ...options], root);
  const script = join(consumer, 'smoke', 'smoke.mjs');
  mkdirSync(join(consumer, 'smoke'), { recursive: true });
  writeFileSync(script, smokeScript());
  const smoke = await execute(runtime, [...flags.filter((flag) => flag !== '--bun'), script], consumer);
  const isSmoked = smoke.status === 0 && smoke.output.includes('smoke passed');
  return {
    status: tests.status === 0 && isSmoked ? 'passed' : 'failed',
    tests: `${countsIn(tests.output)}; import and require: ${isSmoked ? 'one copy' : 'FAILED'}`,
    output: `${tests.output}\n${isSmoked ? '' : smoke.output}`,
  };
}

async function inDeno(deno: string): Promise<Result> {
  const result = await suiteAndSmoke(deno, ['run', '-A', '--no-remote'], []);
  const folder = makeJsrPackage();
  // Refuses, among other things, exports whose types would have to be inferred.
  const { status, output } = await execute(deno, ['publish', '--dry-run', '--no-remote', '--allow-dirty'], folder);
  rmSync(folder, { recursive: true, force: true });
  return {
    status: status === 0 ? result.status : 'failed',
    tests: `${result.tests}; JSR would take it: ${status === 0 ? 'yes' : 'NO'}`,
    output: status === 0 ? result.output : `${result.output}\n${output}`,
  };
}

async function inChromium(chromium: string): Promise<Result> {
  const { status, output } = await execute(process.execPath, suite, root, { CHROMIUM: chromium });
  return { status: status === 0 ? 'passed' : 'failed', tests: countsIn(output), output };
}

async function inWorkerd(workerd: string): Promise<Result> {
  const runs = (['construct', 'smoke'] as const).map((entry) => runWorkerd(workerd, dist, entry));
  const output = runs.map((run) => run.output).join('\n');
  const calls = /smoke passed (\d+)/.exec(output)?.[1];
  const isPassed = runs.every(({ status }) => status === 0) && calls !== undefined;
  return {
    status: isPassed ? 'passed' : 'failed',
    tests: `construction at module scope; ${calls ?? 'no'} smoke calls`,
    output,
  };
}

function countsIn(output: string): string {
  return /\d+ passed, \d+ failed, \d+ skipped/.exec(output)?.[0] ?? 'no closing line';
}

function execute(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ status: number | null; output: string }> {
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOLDFAST_BUILT: dist, HOLDFAST_SEED: seed, NO_COLOR: '1', ...env },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 300_000);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    const end = (status: number | null, error = ''): void => {
      clearTimeout(timer);
      resolve({ status, output: output + error });
    };
    child.on('error', (error) => end(1, error.message));
    child.on('close', (status) => end(status));
  });
}

async function runTarget({ name, tool, run }: Target): Promise<Result> {
  const found = tool();
  if ('path' in found) {
    return run(found.path).catch((error: unknown) => ({ status: 'failed', tests: String(error), output: '' }) as const);
  }
  return { status: isCI ? 'failed' : 'skipped', tests: `${name} is missing: ${found.missing}`, output: '' };
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !targets.some((target) => target.name === name));
if (unknown.length > 0)
  throw new Error(`no runtime ${unknown.join(', ')}; there are ${targets.map(({ name }) => name).join(', ')}`);

console.log(
  `matrix: the built package on ${wanted.join(', ') || 'every runtime'}; HOLDFAST_SEED=${seed} repeats this run`,
);
let failures = 0;
for (const target of targets.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const startMs = performance.now();
  const { status, tests, output } = await runTarget(target);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const label = `${target.name.padEnd(9)} ${target.version.padEnd(14)} ${status.padEnd(8)} ${seconds.padStart(6)} s`;
  console.log(`${label}  ${tests}`);
  if (status !== 'failed') continue;
  failures++;
  console.log(output.trimEnd().split('\n').slice(-80).join('\n').replaceAll(/^/gm, '    '));
}
if (failures > 0) {
  console.log(`matrix: ${failures} runtimes failed`);
  process.exitCode = 1;
}
