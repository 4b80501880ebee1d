import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, runOrThrow } from '../../.ci/build.ts';

const papers = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', '.changeset', 'dist'];
const changesets = readdirSync(join(root, '.changeset'))
  .filter((file) => file.endsWith('.md') && file !== 'README.md')
  .map((file) => readFileSync(join(root, '.changeset', file), 'utf8'));
const versionOf = (folder: string): string =>
  (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;

let copy = '';

/** The steps of a release, on a copy of the repository as it is. */
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'holdfast-release-'));
  for (const paper of papers)
    if (existsSync(join(root, paper))) cpSync(join(root, paper), join(copy, paper), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  const git = (...args: string[]): string =>
    runOrThrow('git', ['-c', 'user.name=release', '-c', 'user.email=release@localhost', ...args], copy);
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--', ...papers.filter((paper) => paper !== 'dist'));
  git('commit', '--quiet', '--message', 'A copy to release');
  runOrThrow(process.execPath, [join(root, 'node_modules/@changesets/cli/bin.js'), 'version'], copy);
}, 60_000);

afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('changeset version', () => {
  it.runIf(changesets.length > 0)('raises the version once, by the biggest change', () => {
    const [major, minor] = versionOf(root).split('.').map(Number);
    const isMinor = changesets.some((text) => /^'?holdfast'?: (minor|major)$/m.test(text));
    expect(isMinor).toBe(true);
    expect(versionOf(copy)).toBe(`${major}.${minor! + 1}.0`);
  });

  it.runIf(changesets.length > 0)('moves every changeset into CHANGELOG.md and leaves none behind', () => {
    const changelog = readFileSync(join(copy, 'CHANGELOG.md'), 'utf8');
    expect(changelog).toContain(`## ${versionOf(copy)}`);
    for (const text of changesets) expect(changelog).toContain(text.split('---\n')[2]!.trim().split('\n')[0]!);
    expect(
      readdirSync(join(copy, '.changeset')).filter((file) => file.endsWith('.md') && file !== 'README.md'),
    ).toEqual([]);
  });
});

describe('npm pack of the release', () => {
  it('lists the build, its maps and the papers, under the new version, and nothing else', () => {
    const [{ version, files }] = JSON.parse(
      runOrThrow('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], copy),
    ) as [{ version: string; files: readonly { path: string }[] }];
    expect(version).toBe(versionOf(copy));
    const names = files.map(({ path }) => path);
    expect(names).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'package.json', 'dist/index.js']),
    );
    expect(
      names.filter((name) => !/^(dist\/[\w.-]+\.(c?js|d\.c?ts)(\.map)?|[A-Z]+\.md|LICENSE|package\.json)$/.test(name)),
    ).toEqual([]);
  });
});
