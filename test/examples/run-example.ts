import { spawnScript } from '../support/processes.ts';

const DEMO = new URL('../../docs/examples/demo.ts', import.meta.url);

export interface ExampleRun {
  readonly code: number | null;
  readonly broken: readonly string[];
  /** The last line: how many promises were kept. */
  readonly sum: string | undefined;
}

/** Runs an example by its name, as `npm run demo -- NAME` does. */
export async function runExample(name: string): Promise<ExampleRun> {
  await using demo = await spawnScript(DEMO, { args: [name] });
  const { code } = await demo.exit;
  return { code, broken: demo.lines.filter((line) => line.includes('BROKEN')), sum: demo.lines.at(-1) };
}
