/** Import path (without `holdfast/`) to source file: the one list that the build, the exports map and the package tests share. */
export const entryPoints: Readonly<Record<string, string>> = {
  index: 'src/index.ts',
  'circuit-breaker': 'src/circuit-breaker/index.ts',
  policy: 'src/policy/index.ts',
  testing: 'src/testing/index.ts',
};
