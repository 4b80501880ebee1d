import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Case } from './case.ts';
import { runTask } from './spawn.ts';
import { readJson } from './workspace.ts';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
}

/** Runs our first subject of a case under `--cpu-prof` and prints where its time went. */
export async function profileCase(one: Case, folder: string): Promise<void> {
  const profiles = join(folder, 'profiles');
  rmSync(profiles, { recursive: true, force: true });
  mkdirSync(profiles);
  const subject = one.subjects[0]!.name;
  const flags = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, '--cpu-prof-interval=200'];
  await runTask(folder, { caseName: one.name, subject, mode: 'time', isQuick: false }, flags);
  const { nodes, samples } = readJson<Profile>(join(profiles, readdirSync(profiles)[0]!));
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const hits = new Map<string, number>();
  for (const id of samples) hits.set(places.get(id)!, (hits.get(places.get(id)!) ?? 0) + 1);
  console.log(`${one.name}, ${subject}: share of samples by function`);
  for (const [place, count] of [...hits].sort((a, b) => b[1] - a[1]).slice(0, 20)) {
    console.log(`  ${((100 * count) / samples.length).toFixed(1).padStart(5)} %  ${place}`);
  }
}

function placeOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  return `${functionName || '(anonymous)'}${url ? ` ${basename(url)}:${lineNumber + 1}` : ''}`;
}
