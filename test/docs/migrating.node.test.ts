import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesUnder, root } from '../../.ci/build.ts';

const pages = filesUnder('docs/migrating').filter((path) => path.endsWith('.md'));
const reports = filesUnder('.ci/api').map((path) => readFileSync(join(root, path), 'utf8'));
/** Every name and text of the public API. */
const known = new Set(reports.flatMap((report) => report.match(/[A-Za-z_][\w-]*/g) ?? []));

/** Words of code in tables that name nothing of ours: ours are in the column called holdfast. */
const others = new Set(['if', 'true', 'false', 'undefined', 'await', 'error', 'fn', 'action', 'args', 'last', 'less']);

interface Named {
  readonly name: string;
  readonly row: string;
}

/** Names in the column called holdfast: options, methods, fields and codes, without what the reader fills in. */
function namesOf(markdown: string): Named[] {
  let column = -1;
  return markdown.split('\n').flatMap((row) => {
    if (!row.startsWith('|')) {
      column = -1;
      return [];
    }
    const cells = row.split(/(?<!\\)\|/).slice(1, -1);
    if (column === -1) column = cells.findIndex((cell) => cell.trim() === 'holdfast');
    const codes = [...(cells[column] ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
    return codes.flatMap((code) => identifiersIn(code)).map((name) => ({ name, row }));
  });
}

/** What is called, read off, set or quoted in a piece of code. */
function identifiersIn(code: string): string[] {
  const called = [...code.matchAll(/([A-Za-z_]\w*)\(/g)].map(([, name]) => name!);
  const settings = [...code.matchAll(/[{,] *([A-Za-z_]\w*)(?= *[,}:])/g)].map(([, name]) => name!);
  const quoted = [...code.matchAll(/'([\w-]+)'/g)].map(([, text]) => text!);
  const alone = /^[A-Za-z_][\w-]*$/.test(code) ? [code] : [];
  return [...called, ...settings, ...quoted, ...alone].filter((name) => !others.has(name));
}

describe.each(pages)('%s', (path) => {
  const names = namesOf(readFileSync(join(root, path), 'utf8'));

  it('names what the public API has', () => {
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter(({ name }) => !known.has(name))).toEqual([]);
  });
});

describe('names in a table', () => {
  it('are those of the column called holdfast', () => {
    const table =
      "| a | holdfast | b |\n|---|---|---|\n| `x` | `retry({ maxAttempts })`, `state: 'open'` | `y` |\n\n| `z` |\n";
    expect(namesOf(table).map(({ name }) => name)).toEqual(['retry', 'maxAttempts', 'open']);
  });
});
