import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

interface Status {
  readonly pid: number;
  readonly parent: number;
  /** One letter as `ps` shows it: Z and X have ended and wait to be collected. */
  readonly state: string;
}

/** Whether a process runs or is frozen. One that has ended and that nobody has collected does not count. */
export function isAlive(pid: number): boolean {
  return signalPid(pid, 0) && !hasEnded(pid);
}

/** Processes that `pid` has started and that have not ended. */
export function childrenOf(pid: number): readonly number[] {
  const all = existsSync('/proc/self/stat') ? fromProc() : fromPs();
  return all.filter(({ parent, state }) => parent === pid && !/[ZX]/.test(state)).map((child) => child.pid);
}

/** Sends a signal to a process we have started, or one it has started. Says whether it was there. */
export function signalPid(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** Resolves when a process that is no child of ours, so that nobody tells us, has ended. */
export async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await delay(5);
}

function hasEnded(pid: number): boolean {
  const state = existsSync('/proc/self/stat') ? statusOf(pid)?.state : undefined;
  return state !== undefined && /[ZX]/.test(state);
}

function fromProc(): readonly Status[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.map(statusOf).filter((status) => status !== undefined);
}

function statusOf(pid: number): Status | undefined {
  try {
    // The name, in parentheses, may contain anything: what follows the last one is safe to split.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(parent), state };
  } catch {
    return undefined;
  }
}

function fromPs(): readonly Status[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' });
  const rows = stdout
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  return rows.map(([pid, parent, state = '']) => ({ pid: Number(pid), parent: Number(parent), state }));
}
