import { defineConfig } from 'tsup';

import { entryPoints } from './.ci/entry-points.ts';

export default defineConfig({
  entry: entryPoints,
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  splitting: true, // one copy of shared code, so that each CJS entry has the same error classes
  sourcemap: true,
  clean: true,
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
});
