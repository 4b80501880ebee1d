import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** What a look at all links of a site found. */
export interface LinkReport {
  readonly pages: number;
  readonly links: number;
  /** Each as `page: link: what is wrong`. */
  readonly problems: string[];
}

/** A link, and whether following it is the reader's choice. */
interface Link {
  readonly target: string;
  readonly isLoaded: boolean;
}

/**
 * Follows every link within a folder of built pages, without a network: files have to exist, fragments have to be ids
 * of their page, and nothing may be loaded from elsewhere. Links to other sites are only read.
 */
export function checkLinks(folder: string): LinkReport {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => /\.(html|txt)$/.test(path));
  const idsOf = remembering((path: string) => new Set(idsIn(readFileSync(path, 'utf8'))));
  let links = 0;
  const problems = paths.flatMap((path) => {
    const page = join(folder, path);
    const found = linksIn(path, readFileSync(page, 'utf8'));
    links += found.length;
    return found.flatMap((link) => {
      const wrong = problemOf(link, page, folder, idsOf);
      return wrong === undefined ? [] : [`${path.replaceAll(sep, '/')}: ${link.target}: ${wrong}`];
    });
  });
  return { pages: paths.length, links, problems: [...new Set(problems)] };
}

function linksIn(path: string, text: string): Link[] {
  if (path.endsWith('.txt')) {
    return [...text.matchAll(/^- \[[^\]]*\]\((?<target>[^)]+)\)/gm)].map(({ groups }) => ({
      target: groups!['target']!,
      isLoaded: false,
    }));
  }
  // What scripts and code contain is no link.
  const markup = text.replaceAll(/<(script|style)\b([^>]*)>[^]*?<\/\1>/g, '<$1$2>').replaceAll(/<!--[^]*?-->/g, '');
  return [...markup.matchAll(/<(?<tag>[a-z][a-z0-9-]*)\b(?<rest>(?:"[^"]*"|'[^']*'|[^"'>])*)>/gi)].flatMap(
    ({ groups }) => {
      const { tag = '', rest = '' } = groups ?? {};
      return [...rest.matchAll(/\s(?:href|src)=(?:"(?<a>[^"]*)"|'(?<b>[^']*)')/gi)].map((match) => ({
        target: unescaped(match.groups!['a'] ?? match.groups!['b']!),
        isLoaded: tag.toLowerCase() !== 'a' && tag.toLowerCase() !== 'use',
      }));
    },
  );
}

function idsIn(text: string): string[] {
  return [...text.matchAll(/\s(?:id|name)="(?<id>[^"]+)"/g)].map(({ groups }) => unescaped(groups!['id']!));
}

function problemOf(
  { target, isLoaded }: Link,
  page: string,
  folder: string,
  idsOf: (path: string) => ReadonlySet<string>,
): string | undefined {
  if (target.startsWith('data:') || target.startsWith('mailto:')) return undefined;
  if (/^(https?:)?\/\//.test(target)) {
    if (isLoaded) return 'is loaded from another site';
    return URL.canParse(target, 'https://example.org') ? undefined : 'is no address';
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return 'has a scheme that no page should use';
  if (target.startsWith('/')) return 'goes by the root of a site, which a folder has not';
  const [path = '', fragment] = target.split('#');
  const file = path === '' ? page : resolve(dirname(page), decodeURIComponent(path.split('?')[0]!));
  if (relative(folder, file).startsWith('..')) return 'leaves the site';
  if (!existsSync(file)) return 'is missing';
  if (statSync(file).isDirectory()) return 'is a folder, which a disk does not show as a page';
  if (!fragment || !file.endsWith('.html')) return undefined;
  return idsOf(file).has(decodeURIComponent(fragment)) ? undefined : 'has no such place in its page';
}

function unescaped(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

function remembering<T>(fn: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    if (!known.has(key)) known.set(key, fn(key));
    return known.get(key)!;
  };
}
