import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { pureFolders } from './.ci/entry-points.ts';

/** One context per worker is enough for these. */
const pure = pureFolders.join('|');
const node = 'test/**/*.node.test.ts';

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts', 'test/package/global-setup.ts', 'test/docs/global-setup.ts'],
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/**/index.ts'] },
    projects: [
      // One context per worker: loading the library anew for each file would take longer than the tests.
      {
        extends: true,
        test: { name: 'pure', include: [`test/@(${pure})/**/*.test.ts`], exclude: [node], isolate: false },
      },
      { extends: true, test: { name: 'node', include: [`test/!(${pure})/**/*.test.ts`, node] } },
    ],
    // Most suites of Node wait for other processes: two at once, also where vitest would take one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    setupFiles: ['test/support/setup.ts'],
    // More runs a property (HOLDFAST_RUNS) may take more time.
    testTimeout: 20_000 * Math.max(1, Number(process.env['HOLDFAST_RUNS'] ?? 100) / 100),
  },
});
