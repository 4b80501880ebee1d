import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as zlib from 'node:zlib';
import type { Trace } from './traces.ts';

/** A public trace, and what the jar of Caffeine 3.2.2 answered of it, in percent, when it was run on 2026-11-22. */
interface RealTrace {
  readonly name: string;
  readonly file: RegExp;
  readonly sizes: readonly number[];
  readonly caffeine: readonly number[];
}

export const realTraces: readonly RealTrace[] = [
  { name: 'OLTP', file: /^oltp\b/i, sizes: [500, 1000], caffeine: [32.25, 39.74] },
  { name: 'P3', file: /^p3\b/i, sizes: [25_000], caffeine: [14.65] },
  { name: 'gli', file: /^gli\b/, sizes: [1000], caffeine: [40.73] },
  { name: 'loop', file: /^loop\b/, sizes: [512], caffeine: [47.7] },
  { name: 'cs', file: /^cs\b/, sizes: [563], caffeine: [32.18] },
  { name: 'multi2', file: /^multi2\b/, sizes: [1000], caffeine: [57.94] },
  { name: 'sprite', file: /^sprite\b/, sizes: [1000], caffeine: [85.43] },
  { name: 'web12', file: /^web12\b/, sizes: [1000], caffeine: [67.37] },
  { name: 'orm-night', file: /^orm-night\b/, sizes: [1000], caffeine: [65.99] },
  { name: 'corda', file: /^trace_vaultservice\b/, sizes: [512], caffeine: [30.6] },
  { name: 'scarab', file: /^scarab-recs\b/, sizes: [100_000], caffeine: [72.52] },
  { name: 'w106', file: /^w106\b/, sizes: [8192], caffeine: [85.02] },
];

/** The files below `folder` whose names are known, read; and the names of those that are not there. */
export function readTraces(folder: string): { traces: Trace[]; missing: string[] } {
  const files = existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]) : [];
  const traces: Trace[] = [];
  const missing: string[] = [];
  for (const { name, file, sizes } of realTraces) {
    const path = files.find((one) => file.test(basename(one)));
    if (path) traces.push({ name, sizes, keys: readTrace(join(folder, path)) });
    else missing.push(name);
  }
  return { traces, missing };
}

/** Reads a trace of any of the formats that Caffeine's simulator knows by these names; others as a number or text a line. */
export function readTrace(path: string): Uint32Array {
  const bytes = unpacked(path);
  const name = basename(path);
  if (/^(web|orm-)|^w\d+\b/.test(name)) return numbered(integers(bytes, 4));
  if (/^(trace_vaultservice|scarab)/.test(name)) return numbered(integers(bytes, 8));
  const lines = bytes.toString('latin1').split('\n');
  if (/^(oltp|[ps]\d+|ds1)\b/i.test(name) || /\.lis\b/.test(name)) return numbered(blocks(lines));
  return numbered(lines.map((line) => line.trim()).filter((line) => line !== '' && line !== '*'));
}

function unpacked(path: string): Buffer {
  if (path.endsWith('.gz')) return zlib.gunzipSync(readFileSync(path));
  if (path.endsWith('.zst')) return zlib.zstdDecompressSync(readFileSync(path));
  if (!path.endsWith('.xz')) return readFileSync(path);
  const { stdout, status, error } = spawnSync('xz', ['-dc', path], { maxBuffer: 2 ** 31 - 1 });
  if (status !== 0) throw new Error(`xz could not unpack ${path}`, { cause: error });
  return stdout;
}

/** Numbers of 4 or 8 bytes, the highest first. */
function* integers(bytes: Buffer, size: 4 | 8): Iterable<number | bigint> {
  for (let at = 0; at + size <= bytes.length; at += size)
    yield size === 4 ? bytes.readUInt32BE(at) : bytes.readBigUInt64BE(at);
}

/** Lines of a first block, how many follow it, and what is not looked at. */
function* blocks(lines: readonly string[]): Iterable<number> {
  for (const line of lines) {
    const [first, count] = line.trim().split(/\s+/).map(Number);
    for (let k = 0; k < (count ?? 0); k++) yield first! + k;
  }
}

/** Keys of any kind as numbers from 0, in order of their first use. */
function numbered(keys: Iterable<unknown>): Uint32Array {
  const numbers = new Map<unknown, number>();
  const list: number[] = [];
  for (const key of keys) {
    let number = numbers.get(key);
    if (number === undefined) numbers.set(key, (number = numbers.size));
    list.push(number);
  }
  return Uint32Array.from(list);
}
