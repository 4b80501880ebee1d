import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { root } from '../../.ci/build.ts';
import { entryPoints } from '../../.ci/entry-points.ts';

const paths = Object.keys(entryPoints).map((name) => (name === 'index' ? 'holdfast' : `holdfast/${name}`));

/** A script that runs the smoke on the installed package and holds what `import` gives against what `require` gives. */
export function smokeScript(): string {
  const { code } = transformSync(readFileSync(join(root, 'test/matrix/smoke.ts'), 'utf8'), {
    loader: 'ts',
    target: 'es2022',
  });
  return `${code}
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const library = {};
for (const path of ${JSON.stringify(paths)}) {
  const imported = await import(path);
  const required = require(path);
  for (const name of Object.keys(imported)) {
    if (imported[name] !== required[name]) throw new Error(path + ' has two copies of ' + name);
    library[name] = imported[name];
  }
}
console.log('smoke passed ' + (await runSmoke(library)));
`;
}
