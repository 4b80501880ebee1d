/*
 * `npm run demo [-- NAME] [-- OPTIONS]`: one folder per demo, `storefront` unless another is named.
 * A demo's `main.ts` exports `main(args)`, which resolves with the exit code.
 */
interface Demo {
  main(args: readonly string[]): Promise<number>;
}

const demos: Readonly<Record<string, () => Promise<Demo>>> = {
  storefront: () => import('./storefront/main.ts'),
  survive: () => import('./survive/main.ts'),
  ring: () => import('./ring/main.ts'),
  'rate-limit': () => import('./rate-limit/main.ts'),
  pool: () => import('./pool/main.ts'),
  saga: () => import('./saga/main.ts'),
  cache: () => import('./cache/main.ts'),
  'url-shortener': () => import('./url-shortener/main.ts'),
  crawler: () => import('./crawler/main.ts'),
  gateway: () => import('./gateway/main.ts'),
  'distributed-cache': () => import('./distributed-cache/main.ts'),
  rollout: () => import('./rollout/main.ts'),
};

const [first, ...rest] = process.argv.slice(2);
const isNamed = first !== undefined && !first.startsWith('-');
const name = isNamed ? first : 'storefront';
const demo = Object.hasOwn(demos, name) ? demos[name] : undefined;

if (demo) {
  const { main } = await demo();
  const args = isNamed ? rest : process.argv.slice(2);
  if (main.length === 0 && args.length > 0) {
    console.error(`the demo ${name} has no options; docs/examples/README.md says what it shows`);
    process.exitCode = args.some((arg) => arg === '--help' || arg === '-h') ? 0 : 2;
  } else process.exitCode = await main(args);
} else {
  console.error(`no demo is called ${JSON.stringify(name)}; there is: ${Object.keys(demos).join(', ')}`);
  process.exitCode = 2;
}
