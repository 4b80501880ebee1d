import { parseArgs } from 'node:util';
import type { LayerName } from './clients.ts';
import { layerNames } from './clients.ts';

export interface DemoOptions {
  readonly isFast: boolean;
  readonly isJson: boolean;
  /** Only the bare calls, held against the promises of holdfast. */
  readonly isWithout: boolean;
  readonly leaveOut: LayerName | undefined;
  readonly seed: number;
}

export const help = `Usage: npm run demo -- survive [options]

200 callers keep calling an HTTP service that is made slow, killed, hung and
brought back; once through holdfast, once bare. Takes about 55 seconds.

  --fast              the same script at about a fifth of the length
  --json              print the figures as JSON, and nothing else, on stdout
  --seed N            seed of all that is drawn by chance (default 1)
  --without           run only the bare calls and judge them by the same promises,
                      to see them broken
  --leave-out LAYER   run only holdfast, without one of its layers, to see what it is for:
                      ${layerNames.join(', ')}
  --help              print this

Exit code: 0 when every promise was kept, 1 when one was broken, 2 on wrong usage.`;

/** Reads the command line. Answers `help` when that is asked for. @throws TypeError on wrong usage. */
export function readOptions(args: readonly string[]): DemoOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      fast: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      without: { type: 'boolean', default: false },
      'leave-out': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const layer = values['leave-out'];
  if (values.without && layer !== undefined) throw new TypeError('--without and --leave-out exclude each other');
  return {
    isFast: values.fast,
    isJson: values.json,
    isWithout: values.without,
    leaveOut: layer === undefined ? undefined : layerOf(layer),
    seed: seedOf(values.seed),
  };
}

function layerOf(text: string): LayerName {
  const name = layerNames.find((layer) => layer === text);
  if (!name) throw new TypeError(`--leave-out must be one of ${layerNames.join(', ')}, got ${text}`);
  return name;
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || seed >= 2 ** 32)
    throw new TypeError(`--seed must be an integer from 0 to 2^32-1, got ${text}`);
  return seed;
}
