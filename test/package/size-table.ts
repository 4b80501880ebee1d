import type { Sizes } from './sizes.ts';

const row = /^\|.*\|\s*`import \{ (?<names>[^}]+) \} from '(?<path>[^']+)'`\s*\|(?<size>[^|\n]*)\|[ \t]*$/gm;

/** The rows of a table that show an import and, in the last column, its size. */
export function sizeRows(markdown: string): RegExpExecArray[] {
  return [...markdown.matchAll(row)];
}

/** Writes into each such row the ceiling of its size, rounded up to a tenth of a kilobyte. */
export function withSizes(markdown: string, sizes: Sizes): string {
  return markdown.replaceAll(row, (line, ...rest) => {
    const { names, path } = rest.at(-1) as { readonly names: string; readonly path: string };
    const ceiling = sizes[path]?.[names];
    if (ceiling === undefined) throw new Error(`sizes.json has no row for { ${names} } of ${path}`);
    const size = ` ${(Math.ceil(ceiling / 100) / 10).toFixed(1)} kB `;
    const text = line.trimEnd();
    return `${text.slice(0, text.lastIndexOf('|', text.length - 2))}|${size}|`;
  });
}
