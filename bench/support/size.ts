import { brotliCompressSync } from 'node:zlib';
import type { Subject } from './case.ts';

/**
 * What an import costs a user's bundle: minified by esbuild, then brotli. Modules of Node stay outside,
 * as those a peer needs would have to be added to its size in a browser.
 */
export function bundled(name: string, source: string): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      const { build } = await import('esbuild');
      const { outputFiles } = await build({
        stdin: { contents: source, resolveDir: process.cwd() },
        bundle: true,
        minify: true,
        format: 'esm',
        platform: 'node',
        target: 'es2022',
        write: false,
      });
      return { size: brotliCompressSync(outputFiles[0]!.contents).length };
    },
  };
}
