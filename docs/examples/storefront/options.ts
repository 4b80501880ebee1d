import { parseArgs } from 'node:util';

/** Faults of our own making that the audit has to find. */
export const plants = ['double-charge', 'keep-money', 'oversell', 'lose-units'] as const;
export type Plant = (typeof plants)[number];

export interface StoreOptions {
  readonly seed: number;
  readonly isFast: boolean;
  readonly isFlashSale: boolean;
  readonly isPglite: boolean;
  readonly isJson: boolean;
  readonly reportFile: string | undefined;
  readonly plant: Plant | undefined;
}

export const help = `Usage: npm run demo [-- options]

A shop in processes of their own: a gateway, three shop processes, a payment service, a database,
and Redis where a redis-server is found. Buyers buy, while the payment service is killed and hung, the
database frozen, and a shop killed in the middle of checkouts. At the end an audit reads the database
and the ledger of the payment service. The script of faults takes about 18 seconds, starting the processes
and ending the last orders come on top.

  --flash-sale     100 units and 500 buyers at once, who have to get exactly 100 of them
  --fast           the same faults, closer together
  --seed N         seed of the load and of the order and length of the faults (default 1)
  --report FILE    writes the picture of the run as one HTML file
  --pglite         PostgreSQL in WebAssembly instead of a server, which is what is taken without a server
  --json           prints the promises and figures as JSON, and nothing else, on stdout
  --plant FAULT    builds a fault into the shop, to see the audit find it:
                   ${plants.join(', ')}
  --help           prints this

Exit code: 0 when every promise was kept, 1 when one was broken, 2 on wrong usage.
There are other demos, each with a --help of its own: docs/examples/README.md.`;

const boolean = { type: 'boolean', default: false } as const;

/** Reads the command line. Answers `help` when that is asked for. @throws TypeError on wrong usage. */
export function readOptions(args: readonly string[]): StoreOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      fast: boolean,
      'flash-sale': boolean,
      pglite: boolean,
      json: boolean,
      report: { type: 'string' },
      plant: { type: 'string' },
      help: { ...boolean, short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    seed: seedOf(values.seed),
    isFast: values.fast,
    isFlashSale: values['flash-sale'],
    isPglite: values.pglite,
    isJson: values.json,
    reportFile: values.report,
    plant: values.plant === undefined ? undefined : plantOf(values.plant),
  };
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || seed >= 2 ** 32)
    throw new TypeError(`--seed must be an integer from 0 to 2^32-1, got ${text}`);
  return seed;
}

function plantOf(text: string): Plant {
  const plant = plants.find((name) => name === text);
  if (!plant) throw new TypeError(`--plant must be one of ${plants.join(', ')}, got ${text}`);
  return plant;
}
