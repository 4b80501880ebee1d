import { defineConfig } from 'vitest/config';
import { pureFolders } from './.ci/entry-points.ts';

// For Stryker: the suites that start no server and build nothing, with a fixed seed, so that a mutant's fate is no chance.
export default defineConfig({
  test: {
    include: [`test/{${pureFolders.join(',')}}/**/*.test.ts`],
    // Those of Node alone start processes and wait for real time; those of cost count steps, which mutated code distorts.
    exclude: ['**/*.node.test.ts', '**/*cost*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    provide: { seed: 20_261_126, runs: 20 },
    testTimeout: 20_000,
  },
});
