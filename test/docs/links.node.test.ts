import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { checkLinks } from '../../.ci/links.ts';

function siteOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'links-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const problems = (body: string): readonly string[] =>
  checkLinks(siteOf({ 'index.html': body, 'a/b c.html': '<h1 id="x&amp;y">x</h1>', 'a/style.css': '' })).problems;

describe('checkLinks', () => {
  it.each([
    '<a href="a/b%20c.html">x</a>',
    '<a href="a/b%20c.html#x&amp;y">x</a>',
    '<a href="a/b%20c.html?q=1">x</a>',
    '<a href="#here">x</a><p id="here"></p>',
    "<a class=x href='a/style.css'>x</a>",
    '<a href="https://example.org/">x</a>',
    '<link rel="icon" href="data:,">',
    '<script>const html = \'<a href="no.html">\';</script>',
    '<!-- <a href="no.html"> -->',
  ])('takes %s', (body) => {
    expect(problems(body)).toEqual([]);
  });

  it.each([
    ['<a href="no.html">', 'is missing'],
    ['<a title="a > b" href="no.html">', 'is missing'],
    ['<script src="no.js"></script>', 'is missing'],
    ['<a href="#no">', 'has no such place in its page'],
    ['<a href="a/b%20c.html#no">', 'has no such place in its page'],
    ['<a href="/a/style.css">', 'goes by the root of a site, which a folder has not'],
    ['<a href="../index.html">', 'leaves the site'],
    ['<a href="a">', 'is a folder, which a disk does not show as a page'],
    ['<a href="http://">', 'is no address'],
    ['<a href="javascript:go()">', 'has a scheme that no page should use'],
    ['<script src="https://example.org/x.js"></script>', 'is loaded from another site'],
    ['<img src="//example.org/x.png">', 'is loaded from another site'],
    ['<link rel="stylesheet" href="https://example.org/x.css">', 'is loaded from another site'],
  ])('refuses %s', (body, wrong) => {
    expect(problems(body)).toEqual([expect.stringMatching(new RegExp(`^index\\.html: .*: ${wrong}$`))]);
  });

  it('follows the links of an index for language models', () => {
    const site = siteOf({ 'llms.txt': '# x\n\n- [A](a.md): a.\n- [B](b.md): b.\n', 'a.md': '' });
    expect(checkLinks(site)).toMatchObject({ links: 2, problems: ['llms.txt: b.md: is missing'] });
  });
});
