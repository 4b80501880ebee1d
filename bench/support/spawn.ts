import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Answer, Task } from './child.ts';

/** A new space of this size is not collected during a stretch, so the heap only grows. */
const NEW_SPACE_MB = 256;

const flags: Readonly<Record<Task['mode'], readonly string[]>> = {
  time: ['--expose-gc'],
  allocation: ['--expose-gc', `--min-semi-space-size=${NEW_SPACE_MB}`, `--max-semi-space-size=${NEW_SPACE_MB}`],
  observe: ['--expose-gc'],
  // One thread and no clock in the engine's decisions: the count repeats.
  instructions: ['--predictable', '--predictable-gc-schedule', '--hash-seed=1', '--random-seed=1', '--single-threaded'],
};

/** Runs one task in a fresh process. */
export async function runTask(folder: string, task: Task, more: readonly string[] = []): Promise<Answer> {
  const { stdout } = await finish(
    process.execPath,
    [...flags[task.mode], ...more, ...childArguments(folder, task)],
    folder,
  );
  return JSON.parse(stdout) as Answer;
}

/** Counts the instructions of one task, start-up included. */
export async function countInstructions(folder: string, task: Task): Promise<number> {
  const valgrind = ['--tool=callgrind', '--callgrind-out-file=/dev/null', '--smc-check=all-non-file'];
  const { stderr } = await finish(
    'valgrind',
    [...valgrind, process.execPath, ...flags.instructions, ...childArguments(folder, task)],
    folder,
  );
  const count = /Collected\s*:\s*(\d+)/.exec(stderr)?.[1];
  if (count === undefined) throw new Error(`valgrind gave no count:\n${stderr}`);
  return Number(count);
}

function childArguments(folder: string, task: Task): string[] {
  return [join(folder, 'child.mjs'), JSON.stringify(task)];
}

function finish(command: string, args: readonly string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve({ stdout, stderr });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}\n${stderr}`));
    });
  });
}
