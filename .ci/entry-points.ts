/** Import path (without `holdfast/`) to source file: the one list that the build, the exports map and the package tests share. */
export const entryPoints: Readonly<Record<string, string>> = {
  index: 'src/index.ts',
  'circuit-breaker': 'src/circuit-breaker/index.ts',
  policy: 'src/policy/index.ts',
  'rate-limit': 'src/rate-limit/index.ts',
  pool: 'src/pool/index.ts',
  balance: 'src/balance/index.ts',
  bloom: 'src/bloom/index.ts',
  ring: 'src/ring/index.ts',
  snowflake: 'src/snowflake/index.ts',
  singleflight: 'src/singleflight/index.ts',
  cache: 'src/cache/index.ts',
  redis: 'src/redis/index.ts',
  postgres: 'src/postgres/index.ts',
  http: 'src/http/index.ts',
  diagnostics: 'src/diagnostics/index.ts',
  otel: 'src/otel/index.ts',
  saga: 'src/saga/index.ts',
  sqlite: 'src/sqlite/index.ts',
  testing: 'src/testing/index.ts',
};

/** Those whose tests need a server, an engine of a database or a file. */
const withServers: ReadonlySet<string> = new Set(['redis', 'postgres', 'sqlite']);

/** Folders of `test/` that need nothing but JavaScript, except for their `*.node.test.ts`: they run in every runtime. */
export const pureFolders: readonly string[] = [
  'core',
  ...Object.keys(entryPoints).filter((name) => name !== 'index' && !withServers.has(name)),
];
