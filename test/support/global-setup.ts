import type { TestProject } from 'vitest/node';
import { prepareServers } from './servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The seed of every property of this run. */
    seed: number;
    /** How many cases every property tries. */
    runs: number;
  }
}

/** Runs once before all test files: settles what the workers share and says how to repeat the run. */
export default function globalSetup(project: TestProject): void {
  const seed = integerFromEnv('HOLDFAST_SEED', () => Math.floor(Math.random() * 0x7fff_ffff));
  const runs = integerFromEnv('HOLDFAST_RUNS', () => 100);
  project.provide('seed', seed);
  project.provide('runs', runs);
  console.log(`seed ${seed}; HOLDFAST_SEED=${seed} repeats this run`);
  prepareServers(project.vitest.state.getPaths(), process.env['CI'] === 'true');
}

function integerFromEnv(name: string, fallback: () => number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return fallback();
  const value = Number(text);
  if (!Number.isInteger(value)) throw new RangeError(`${name} must be an integer, got ${text}`);
  return value;
}
