import { join } from 'node:path';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { pureFolders } from '../../.ci/entry-points.ts';

// Also read by Node 20, Bun and Deno: whatever differs between runs comes in the environment, from test/matrix/run.ts.
const {
  HOLDFAST_BUILT: built = '',
  HOLDFAST_SEED: seed = '1',
  HOLDFAST_RUNS: runs = '15',
  CHROMIUM: chromium,
} = process.env;

// The runner's reporter prints failures with it; Node 20 has none.
(Map as { groupBy?: unknown }).groupBy ??= <T>(items: Iterable<T>, keyOf: (item: T) => unknown): Map<unknown, T[]> => {
  const groups = new Map<unknown, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
};

/** Gives tests the built package where they import an entry point's source. */
function builtPackage(): Plugin {
  return {
    name: 'built-package',
    enforce: 'pre',
    resolveId(source, importer) {
      const entry = /\/src\/(?:([\w-]+)\/)?index\.ts$/.exec(source);
      return entry && importer?.includes('/test/') ? join(built, `${entry[1] ?? 'index'}.js`) : undefined;
    },
  };
}

/** Chromium without its calls home. */
async function inBrowser(executablePath: string): Promise<object> {
  const { playwright } = await import('@vitest/browser-playwright');
  const args = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--no-first-run'];
  const provider = playwright({ launchOptions: { executablePath, args } });
  return {
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider,
      instances: [{ browser: 'chromium' }],
    },
  };
}

const browser = chromium ? await inBrowser(chromium) : {};

export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  plugins: [builtPackage()],
  test: {
    include: [`test/{${pureFolders.join(',')}}/**/*.test.ts`],
    // Statistics and counts of steps over long runs are the same on every engine, and take longest.
    exclude: [
      '**/*.node.test.ts',
      '**/*cost*.test.ts',
      'test/bloom/rate.test.ts',
      'test/rate-limit/adaptive-limit.test.ts',
      'test/ring/distribution.test.ts',
    ],
    setupFiles: ['test/support/setup.ts'],
    provide: { seed: Number(seed), runs: Number(runs) },
    reporters: [['default', { summary: false }], './test/support/closing-line-reporter.ts'],
    isolate: false,
    testTimeout: 30_000,
    ...browser,
  },
});
