import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { ensureBuilt, root } from './build.ts';

const source = join(root, 'docs/playground');

/** Gives the playground the built library where it imports an entry point's source, as users get it. */
const builtLibrary: Plugin = {
  name: 'built-library',
  setup(bundling) {
    bundling.onResolve({ filter: /\/src\/(?:[\w-]+\/)?index\.ts$/ }, ({ path }) => {
      const entry = /\/src\/(?:([\w-]+)\/)?index\.ts$/.exec(path)?.[1] ?? 'index';
      return { path: join(root, 'dist', `${entry}.js`) };
    });
  },
};

/**
 * Writes the playground into a folder: a page, a style sheet and one classic script, because a page that is opened
 * from a disk may load no modules.
 */
export async function buildPlayground(folder: string): Promise<void> {
  ensureBuilt();
  mkdirSync(folder, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(source, 'main.ts')],
    outfile: join(folder, 'playground.js'),
    plugins: [builtLibrary],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    metafile: true,
    logLevel: 'silent',
  });
  const foreign = Object.keys(metafile.inputs).filter((path) => !/^(dist|docs\/playground)\//.test(path));
  if (foreign.length > 0)
    throw new Error(`the playground is to run the built library alone, not ${foreign.join(', ')}`);
  for (const name of ['index.html', 'playground.css', 'figures.css'])
    copyFileSync(join(source, name), join(folder, name));
}
