import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../../.ci/build.ts';

const folder = join(root, 'docs/examples');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'main.ts')));

/** What the --help of a demo lists. */
function optionsOf(name: string): string[] {
  const files = ['main.ts', 'options.ts'].map((file) => join(folder, name, file)).filter((file) => existsSync(file));
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  return [...text.matchAll(/^ {2}--([\w-]+) /gm)].map(([, option]) => option!).filter((option) => option !== 'help');
}

describe('the page about demos', () => {
  it.each(names)('says how %s is run, and with which options', (name) => {
    const command = name === 'storefront' ? 'npm run demo' : `npm run demo -- ${name}`;
    const section = readme.split(/^## /m).find((part) => part.includes(command) || part.includes(`| \`${name}\` |`));
    expect(section).toBeDefined();
    expect(optionsOf(name).filter((option) => !section!.includes(`--${option}`))).toEqual([]);
  });

  it('finds options at all', () => {
    expect(names.length).toBeGreaterThan(10);
    expect(optionsOf('storefront')).toContain('flash-sale');
    expect(optionsOf('ring')).toEqual(['keys', 'svg']);
  });
});
