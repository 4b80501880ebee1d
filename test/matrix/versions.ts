/**
 * Every program that tests want and the library's development does not: fetched from the npm
 * registry into `.cache/tools/` on first use, at exactly these versions.
 */
export const versions = {
  /** Compilers of consumers, oldest supported first. */
  typescript: ['5.4.5', '5.9.3', '6.0.3', '7.0.2'],
  node: ['20.20.2', '22.23.3', '24.21.0', '26.10.0'],
  bun: '1.4.5',
  deno: '2.9.6',
  workerd: '1.20261117.1',
} as const;
