import { defineConfig } from 'vitest/config';

// For Stryker: the suites that start no server and build nothing, with a fixed seed, so that a mutant's fate is no chance.
export default defineConfig({
  test: {
    include: ['test/{core,circuit-breaker,policy,testing}/**/*.test.ts'],
    exclude: ['**/*cost*.test.ts'], // measures time, which mutated code beside it distorts
    setupFiles: ['test/support/setup.ts'],
    provide: { seed: 20_261_126, runs: 30 },
    testTimeout: 20_000,
  },
});
