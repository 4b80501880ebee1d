import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { filesUnder, root } from './build.ts';
import { entryPoints } from './entry-points.ts';

interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly title: string;
  /** What it is about, in a sentence. */
  readonly about: string;
  readonly text: string;
}

/** The pages under a folder of the papers, without the tables of benchmarks. */
function pagesOf(folder: string): Page[] {
  return filesUnder(folder)
    .filter((path) => path.endsWith('.md'))
    .map(pageOf);
}

function pageOf(path: string): Page {
  const whole = readFileSync(join(root, path), 'utf8');
  const [, title] = /^---\n(?:.*\n)*?title: '?(.+?)'?\n(?:.*\n)*?---\n/.exec(whole) ?? [];
  const text = whole.replace(/^---\n[^]*?\n---\n/, '').replaceAll(/<!-- bench:[\w-]+ -->[^]*?<!-- \/bench -->\n?/g, '');
  const heading = /^# (.+)$/m.exec(text)?.[1];
  // The first line that is a sentence, and of it the first sentence.
  const line = text.split('\n').find((each) => /^[A-Z`"'“]/.test(each) && !each.startsWith('`' + '``')) ?? '';
  const [about = ''] = /^.*?[.:](?=\s|$)/.exec(line) ?? [line];
  return { path, title: heading ?? title ?? basename(path, '.md'), about: about.replace(/:$/, '.'), text };
}

/** Where a page lies in the site: as in the repository, so that links between pages hold. */
const placeOf = (path: string): string => `text/${path}`;

/**
 * Writes `llms.txt`, an index for language models after llmstxt.org, `llms-full.txt`, all guides and the signatures of
 * every entry point in one file, and the pages that the index names.
 */
export function writeLlms(folder: string): void {
  const { description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { description: string };
  const start = [pageOf('README.md'), pageOf('docs/index.md'), pageOf('docs/choosing.md')];
  const parts: readonly (readonly [string, readonly Page[]])[] = [
    ['Start', start],
    ['Guides', pagesOf('docs/guides')],
    ['Operations', pagesOf('docs/operations')],
    ['Coming from other libraries', pagesOf('docs/migrating')],
    ['Optional', [pageOf('ARCHITECTURE.md'), pageOf('CONTRIBUTING.md'), ...pagesOf('docs/formats')]],
  ];
  const reports = Object.keys(entryPoints)
    .filter((name) => name !== 'index') // the root exports what the others do
    .map((name) => ({ name, path: `.ci/api/${name}.api.md` }));

  const sections = parts.map(
    ([name, pages]) =>
      `## ${name}\n\n${pages.map((page) => `- [${page.title}](${placeOf(page.path)}): ${page.about}\n`).join('')}`,
  );
  const signatures = reports
    .map(({ name }) => `- [holdfast/${name}](text/api/${name}.api.md): its signatures.\n`)
    .join('');
  const index = `# holdfast\n\n> ${description}\n\nSizes, guarantees and numbers are measured or tested; each guarantee of a guide is the title of a test.\n\n`;
  writeFileSync(join(folder, 'llms.txt'), `${index}${sections.join('\n')}\n## Signatures\n\n${signatures}`);

  const texts = parts
    .slice(0, -1)
    .flatMap(([, pages]) => pages.map(({ path, text }) => `<!-- ${path} -->\n\n${text.trim()}\n`));
  const api = reports.map(
    ({ name, path }) => `# Signatures of holdfast/${name}\n\n${signaturesIn(readFileSync(join(root, path), 'utf8'))}`,
  );
  writeFileSync(join(folder, 'llms-full.txt'), [...texts, ...api].join('\n'));

  const copied = new Set<string>();
  for (const { path } of parts.flatMap(([, pages]) => pages)) copyWithLinks(path, folder, copied);
  for (const { name, path } of reports) copy(path, join(folder, 'text/api', `${name}.api.md`));
}

/** The code of a report of the public API, without what it says about itself. */
function signaturesIn(report: string): string {
  const [, code = ''] = /^(```ts\n[^]*?^```)$/m.exec(report) ?? [];
  return `${code.replaceAll(/^\/\/ (?:@public.*|\(undocumented\)|\(No @.*)\n/gm, '').replaceAll(/\n{2,}/g, '\n\n')}\n`;
}

/** Copies a page, and what it leads to within the repository. */
function copyWithLinks(path: string, folder: string, copied: Set<string>): void {
  if (copied.has(path)) return;
  copied.add(path);
  copy(path, join(folder, placeOf(path)));
  if (!path.endsWith('.md')) return;
  const text = readFileSync(join(root, path), 'utf8').replaceAll(/^```[^]*?^```$/gm, '');
  for (const [, target] of text.matchAll(/\]\(([\w./-]+)(?:#[^)]*)?\)/g)) {
    const next = posix.join(posix.dirname(path), target!);
    if (!target!.startsWith('/') && existsSync(join(root, next))) copyWithLinks(next, folder, copied);
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(join(root, from), to);
}
