import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../../.ci/build.ts';
import { blocksOf, codeBlocks } from './code-blocks.ts';
import { run, writeProject } from './consumer.ts';
import { readSizes } from './sizes.ts';
import { sizeRows, withSizes } from './size-table.ts';

const blocks = codeBlocks().map((block, k) => ({ ...block, file: `block-${k}.ts` }));

const options = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  skipLibCheck: true, // the types of the clients are not ours; those of the package are checked in exports.test.ts
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.iterable'],
  module: 'nodenext',
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
};

const folder = writeProject('readme', {
  'package.json': '{ "type": "module" }',
  'tsconfig.json': JSON.stringify({ compilerOptions: options, include: ['*.ts'] }),
  // Blocks are modules, so that two of them may use the same names.
  ...Object.fromEntries(blocks.map(({ file, code }) => [file, `${code}\nexport {};\n`])),
});

describe('code in the papers and in doc comments', () => {
  it('compiles for a strict user', () => {
    const { output } = run(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'],
      folder,
    );
    const places = new Map(blocks.map(({ file, place }) => [file, place]));
    expect(output.replaceAll(/^block-\d+\.ts/gm, (file) => `${places.get(file)} + `)).toBe('');
  }, 90_000);

  it.each(blocks.filter(({ isRun }) => isRun))('runs at $place', ({ file }) => {
    expect(run(process.execPath, [file], folder)).toMatchObject({ status: 0 });
  });

  it('is found in fences of papers and of comments, and said not to run where it is', () => {
    const paper = '# A\n```ts\nlet a;\n```\n```sh\nno\n```\n```ts no-run\nlet b;\n```\n';
    const comment = '/**\n * ```ts\n * if (a) {\n *   b();\n * }\n * ```\n */\n';
    expect(blocksOf('a.md', paper)).toEqual([
      { place: 'a.md:2', code: 'let a;\n', isRun: true },
      { place: 'a.md:8', code: 'let b;\n', isRun: false },
    ]);
    expect(blocksOf('a.ts', comment)).toEqual([{ place: 'a.ts:2', code: 'if (a) {\n  b();\n}\n', isRun: true }]);
  });
});

describe('sizes in the README', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');

  it('are those of sizes.json', () => {
    expect(sizeRows(readme).length).toBeGreaterThan(0);
    expect(withSizes(readme, readSizes())).toBe(readme);
  });

  it('are filled into rows that show an import', () => {
    const row = "| bulkhead | caps | `import { a, b } from 'holdfast/x'` | ? |";
    for (const after of ['\ntext', '\n\ntext'])
      expect(withSizes(row + after, { 'holdfast/x': { 'a, b': 1_201 } })).toBe(row.replace('?', '1.3 kB') + after);
    expect(() => withSizes(row, {})).toThrow('sizes.json has no row for { a, b } of holdfast/x');
  });
});
