import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Ring } from '../../../src/ring/index.ts';
import { createRing, diffRings, renderRing } from '../../../src/ring/index.ts';

const help = `npm run demo -- ring [options]
Three cache nodes with 150 virtual nodes each: where keys go, and what moves when one leaves.
  --keys N     keys to place, 100000 by default
  --svg FILE   also writes the drawing as SVG`;

const shown = ['user:1', 'user:2', 'user:3', 'cart:1', 'session:cd34', '鍵'];

/** Shows a ring, its keys and replicas, and what the removal of a node moves. Resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const values = optionsOf(args);
  const count = Number(values?.keys);
  if (!values || values.help || !Number.isInteger(count) || count < 1) {
    console.log(help);
    return values?.help ? 0 : 2;
  }
  let before = createRing({ vnodes: 150 });
  for (const id of ['cache-1', 'cache-2', 'cache-3']) before = before.with(id);
  const after = before.without('cache-2');

  console.log(`Three nodes, ${before.points} points\n`);
  console.log(renderRing(before, { key: shown[0]! }));
  console.log('\nkey             owner and replicas           without cache-2');
  for (const key of shown) {
    const [owners, next] = [before.getN(key, 3), after.getN(key, 2)];
    const verdict = owners[0] === next[0] ? 'stays' : 'moves';
    console.log(`${key.padEnd(14)}  ${owners.join(' > ')}  ${next.join(' > ')}  ${verdict}`);
  }
  return showMoves(before, after, count, values.svg);
}

interface Options {
  readonly keys: string;
  readonly svg?: string;
  readonly help: boolean;
}

/** The options, or nothing when there are others among them. */
function optionsOf(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        keys: { type: 'string', default: '100000' },
        svg: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch {
    return undefined;
  }
}

function showMoves(before: Ring, after: Ring, count: number, svg: string | undefined): number {
  const { movedFraction, ranges } = diffRings(before, after);
  let moved = 0;
  let astray = 0;
  for (let k = 0; k < count; k++) {
    const [from, to] = [before.get(`key ${k}`), after.get(`key ${k}`)];
    if (from === to) continue;
    moved++;
    if (from !== 'cache-2') astray++;
  }
  console.log('\nownership     before     after');
  const owned = after.ownership();
  for (const [id, share] of before.ownership())
    console.log(`${id.padEnd(10)} ${percent(share)} ${percent(owned.get(id) ?? 0)}`);
  console.log(
    `\ncache-2 leaves: exactly ${percent(movedFraction).trim()} of all positions move, in ${ranges.length} ranges`,
  );
  const [first] = ranges;
  if (first) console.log(`  the first of them: ${first.start} to ${first.end}, ${first.from} -> ${first.to}`);
  for (const to of after.nodes.keys()) {
    const positions = ranges.reduce((sum, range) => sum + (range.to === to ? range.end - range.start + 1 : 0), 0);
    console.log(`  cache-2 -> ${to} ${percent(positions / 2 ** 32)}`);
  }
  console.log(
    `of ${count} keys ${moved} moved, ${percent(moved / count).trim()}; between nodes that stayed: ${astray}`,
  );
  if (svg !== undefined) writeFileSync(svg, renderRing(before, { format: 'svg', key: shown[0]! }));
  return astray === 0 ? 0 : 1;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(4).padStart(8)} %`;
}
