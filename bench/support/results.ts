import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { root } from '../../.ci/build.ts';
import type { Row } from './stats.ts';
import { peerVersions } from './workspace.ts';

/** What `bench/results/<area>.json` holds. */
export interface AreaResults {
  readonly area: string;
  readonly date: string;
  readonly commit: string;
  /** Whether tracked files differed from the commit. */
  readonly isDirty: boolean;
  readonly rounds: number;
  readonly isQuick: boolean;
  /** Whether times are the processor's, of the main thread, and not the clock's. */
  readonly isCpuTime?: boolean;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly os: string;
    readonly node: string;
    readonly v8: string;
  };
  readonly peers: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

/** Where published results are. Those of quick runs go to a folder that is not committed. */
export function resultsFolder(isQuick: boolean): string {
  return join(root, isQuick ? '.cache/bench/results' : 'bench/results');
}

/** Adds to rows what one must know to take them again. */
export function describeRun(
  area: string,
  rows: readonly Row[],
  how: Pick<AreaResults, 'rounds' | 'isQuick' | 'isCpuTime'>,
): AreaResults {
  const processors = cpus();
  return {
    area,
    date: new Date().toISOString().slice(0, 10),
    commit: git('rev-parse', '--short=10', 'HEAD'),
    isDirty: git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'package.json') !== '',
    ...how,
    machine: {
      cpu: processors[0]?.model.trim() ?? 'unknown',
      cores: processors.length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      os: `${type()} ${release()}`,
      node: process.version,
      v8: process.versions.v8,
    },
    peers: peerVersions(),
    rows,
  };
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown'; // a copy of the sources without its history
  }
}
