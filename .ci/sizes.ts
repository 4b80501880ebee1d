// `npm run sizes`: measures the package, writes the ceilings and fills them into the README's table.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSizes, updateSizes } from '../test/package/sizes.ts';
import { withSizes } from '../test/package/size-table.ts';
import { root } from './build.ts';

const changed = await updateSizes();
const readme = join(root, 'README.md');
writeFileSync(readme, withSizes(readFileSync(readme, 'utf8'), readSizes()));
console.log(changed.length === 0 ? 'sizes: every ceiling fits' : changed.join('\n'));
