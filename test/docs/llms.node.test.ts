import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesUnder, root } from '../../.ci/build.ts';
import { entryPoints } from '../../.ci/entry-points.ts';
import { checkLinks } from '../../.ci/links.ts';
import { writeLlms } from '../../.ci/llms.ts';

const folder = mkdtempSync(join(tmpdir(), 'llms-'));
writeLlms(folder);
const index = readFileSync(join(folder, 'llms.txt'), 'utf8');
const full = readFileSync(join(folder, 'llms-full.txt'), 'utf8');
const pages = ['guides', 'operations', 'migrating'].flatMap((name) => filesUnder(`docs/${name}`));

describe('llms.txt', () => {
  it('names every guide and the signatures of every entry point, each with a sentence', () => {
    const named = [...index.matchAll(/^- \[(.+)\]\((.+)\): (.+)$/gm)].map(([, , target, about]) => ({ target, about }));
    const wanted = [
      ...pages.map((path) => `text/${path}`),
      ...Object.keys(entryPoints).flatMap((name) => (name === 'index' ? [] : [`text/api/${name}.api.md`])),
    ];
    expect(named.map(({ target }) => target)).toEqual(expect.arrayContaining(wanted));
    expect(named.filter(({ about }) => !/^\S.{8,}[.:]$/.test(about!))).toEqual([]);
  });

  it('leads to files that are there', () => {
    expect(checkLinks(folder).problems).toEqual([]);
    expect(existsSync(join(folder, 'text/docs/guides/cache.md'))).toBe(true);
  });

  it('leads to pages whose links hold', () => {
    const texts = readdirSync(join(folder, 'text'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.md'),
    );
    const links = texts.flatMap((path) => {
      const text = readFileSync(join(folder, 'text', path), 'utf8').replaceAll(/^```[^]*?^```$/gm, '');
      const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!.split('#')[0]!);
      return targets.filter((target) => target !== '' && !/^(?:https?:|\/)/.test(target)).map((to) => ({ path, to }));
    });
    expect(links.length).toBeGreaterThan(100);
    const isBroken = ({ path, to }: (typeof links)[number]): boolean =>
      !existsSync(join(folder, 'text', dirname(path), to));
    expect(links.filter(isBroken)).toEqual([]);
  });
});

describe('llms-full.txt', () => {
  it('has every guide as it stands but for the tables of benchmarks, and every signature', () => {
    for (const path of pages) {
      const sections = readFileSync(join(root, path), 'utf8').match(/^## .+$/gm) ?? [];
      expect(full).toContain(`<!-- ${path} -->`);
      for (const section of sections) expect(full).toContain(section);
    }
    expect(full).not.toContain('<!-- bench:');
    for (const name of ['createCache', 'createPool', 'redisRateLimiter', 'postgresSagaStore', 'createVirtualClock']) {
      expect(full).toMatch(new RegExp(`export function ${name}\\b`));
    }
  });
});
