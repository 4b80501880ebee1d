import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesUnder, root } from '../../.ci/build.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
const workflows = filesUnder('.github/workflows');
const papers = [
  'README.md',
  'CONTRIBUTING.md',
  'ARCHITECTURE.md',
  'SECURITY.md',
  ...filesUnder('docs'),
  '.ci/run',
].filter((path) => !/^docs\/(?:api|bench)\//.test(path) && /(?:\.md|run)$/.test(path));

/** The jobs of a workflow, as texts. */
function jobsOf(path: string): string[] {
  const [, jobs = ''] = read(path).split(/^jobs:\n/m);
  return jobs.split(/^(?= {2}[\w-]+:)/m);
}

describe('commands', () => {
  it.each([...workflows, ...papers])('that %s names are scripts of the package', (path) => {
    const named = [...read(path).matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  it('are found in workflows and papers', () => {
    expect(workflows.length).toBeGreaterThan(2);
    expect(workflows.map(read).join('\n')).toContain('npm run docs');
    expect(papers.map(read).join('\n')).toContain('npm run demo');
  });
});

describe('workflows', () => {
  it.each(workflows)('of %s run the tests where they can install what they need: as root, on Debian', (path) => {
    for (const job of jobsOf(path))
      if (/run: (?:npm test|bash \.ci\/run)/.test(job)) expect(job).toMatch(/^ {4}container: node:\d+-bookworm/m);
  });

  it.each(workflows)('of %s give no job that installs or builds an identity', (path) => {
    expect(read(path).split(/^jobs:\n/m)[0]).not.toContain('id-token');
    for (const job of jobsOf(path))
      if (job.includes('id-token: write')) expect(job).not.toMatch(/npm ci|npm run|npm test|\.ci\/run|checkout/);
  });

  it.each(workflows)('of %s have a limit of time and few rights', (path) => {
    expect(read(path)).toMatch(/^permissions:\n {2}contents: read\n(?! {2})/m);
    for (const job of jobsOf(path).filter((text) => text.includes('runs-on:')))
      expect(job).toContain('timeout-minutes:');
  });
});
