import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { defineConfig } from 'tsup';

import { entryPoints } from './.ci/entry-points.ts';

interface SourceMap {
  readonly file?: string;
  readonly sources: readonly string[];
}

/** tsup's maps of CommonJS say where their file, and that before its last step, lay on this machine: of no use elsewhere. */
function forgetThisMachine(): void {
  const near = (path: string): string => (isAbsolute(path) ? basename(path) : path);
  for (const name of readdirSync('dist').filter((file) => file.endsWith('.map'))) {
    const map = JSON.parse(readFileSync(`dist/${name}`, 'utf8')) as SourceMap;
    const { file = name.replace(/\.map$/, ''), sources } = map;
    writeFileSync(`dist/${name}`, JSON.stringify({ ...map, file: near(file), sources: sources.map(near) }));
  }
}

export default defineConfig({
  entry: entryPoints,
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  splitting: true, // one copy of shared code, so that each CJS entry has the same error classes
  sourcemap: true,
  clean: true,
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
  onSuccess: async () => forgetThisMachine(),
});
