import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesUnder, root } from '../../.ci/build.ts';
import { entryPoints } from '../../.ci/entry-points.ts';
import { parse, parseText, testTitles, typescriptFiles } from './source.ts';

const guides = existsSync(join(root, 'docs/guides'))
  ? filesUnder('docs/guides').filter((path) => path.endsWith('.md'))
  : [];

/** The bullets under `## Guarantees`, each as one line; sub-headings group them. */
function guaranteesOf(markdown: string): string[] {
  const section = markdown.split(/^## /m).find((part) => /^Guarantees\s*$/m.test(part.split('\n')[0]!)) ?? '';
  const bullets: string[] = [];
  for (const line of section.split('\n').slice(1)) {
    if (line.startsWith('- ')) bullets.push(line.slice(2));
    else if (/^\s+\S/.test(line) && bullets.length > 0) bullets.push(`${bullets.pop()!} ${line.trim()}`);
  }
  return bullets.map(asSentence);
}

/** A guide starts a sentence with a capital and ends it with a full stop; a title does neither. */
function asSentence(text: string): string {
  const plain = text.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
  return plain.charAt(0).toLowerCase() + plain.slice(1);
}

function titlesIn(folder: string): string[] {
  const tests = typescriptFiles(folder).filter((path) => path.endsWith('.test.ts'));
  return tests.flatMap((path) => testTitles(parse(path))).map(asSentence);
}

/** Guides to a part of a primitive, which has its tests. */
const partOf: Readonly<Record<string, string>> = {
  'cached-store': 'cache',
  'concurrency-limit': 'rate-limit',
  'rate-queue': 'rate-limit',
  'tiered-cache': 'cache',
};

describe.each(guides)('%s', (path) => {
  const guide = basename(path, '.md');
  const name = partOf[guide] ?? guide;
  const isPrimitive = name in entryPoints;
  const bullets = guaranteesOf(readFileSync(join(root, path), 'utf8'));
  const titles = isPrimitive && existsSync(join(root, 'test', name)) ? titlesIn(`test/${name}`) : [];

  it.runIf(isPrimitive)('has guarantees', () => {
    expect(bullets.length).toBeGreaterThan(0);
  });

  it.each(bullets)('has exactly one test called: %s', (bullet) => {
    expect(titles.filter((title) => title === bullet)).toEqual([bullet]);
  });
});

describe('guarantees', () => {
  it('are the bullets of their section, joined over lines, and nothing of the next', () => {
    const guide =
      '## Example\n- no\n## Guarantees\nText.\n### Open\n- Starts nothing\n  while `open`.\n- b\n## How\n- no\n';
    expect(guaranteesOf(guide)).toEqual(['starts nothing while `open`', 'b']);
  });

  it('are matched by titles of tests that run, whatever they are called with', () => {
    const tests =
      "it('a', f); it.each(rows)('b', f); it.skipIf(x).each(rows)('c', f); it.skip('d', f); it.todo('e'); f('g')";
    expect(testTitles(parseText('x.test.ts', tests))).toEqual(['a', 'b', 'c']);
  });
});
