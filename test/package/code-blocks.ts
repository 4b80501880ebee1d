import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder, root } from '../../.ci/build.ts';

/** A fenced block of TypeScript and where it stands. */
export interface CodeBlock {
  readonly place: string;
  readonly code: string;
  /** False for a block fenced as `ts no-run`: it compiles, but wants a network or ends never. */
  readonly isRun: boolean;
}

const papers = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'docs', 'src'];

/** Every `ts` block of the papers, the guides and the `@example`s of doc comments. */
export function codeBlocks(): CodeBlock[] {
  const files = papers.filter((path) => existsSync(join(root, path))).flatMap(filesUnder);
  return files
    .filter((path) => /\.(md|ts)$/.test(path) && !/^docs\/(api|examples)\//.test(path))
    .flatMap((path) => blocksOf(path, readFileSync(join(root, path), 'utf8')));
}

/** The blocks of one text. In TypeScript they stand in doc comments, behind a star each line. */
export function blocksOf(path: string, text: string): CodeBlock[] {
  const margin = path.endsWith('.ts') ? String.raw`[ \t]*\*[ \t]?` : '';
  const fence = new RegExp(`^${margin}\`\`\`ts(?<info>[^\n]*)\n(?<code>[^]*?)^${margin}\`\`\`[ \t]*$`, 'gm');
  return [...text.matchAll(fence)].map((match) => {
    const { info = '', code = '' } = match.groups ?? {};
    return {
      place: `${path}:${text.slice(0, match.index).split('\n').length}`,
      code: code.replaceAll(new RegExp(`^${margin}`, 'gm'), ''),
      isRun: !info.split(' ').includes('no-run'),
    };
  });
}
