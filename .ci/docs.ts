// `npm run docs`: the site under docs/api: the API and the guides by typedoc, the playground, texts for language models.
// It can be opened from a disk, asks nothing of any network, and fails where a link leads nowhere.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root, runOrThrow } from './build.ts';
import { checkLinks } from './links.ts';
import { writeLlms } from './llms.ts';
import { buildPlayground } from './playground.ts';

const site = join(root, 'docs/api');
/** How pages of the repository name the playground, which is no page of typedoc's. */
const PLAYGROUND = '/docs/playground/index.html';

/** Makes links to the playground go from page to page: typedoc leaves them as they are. */
function linkPlayground(): void {
  const target = join(site, 'playground/index.html');
  for (const path of readdirSync(site, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.html')) continue;
    const page = join(site, path);
    const text = readFileSync(page, 'utf8');
    const href = relative(dirname(page), target).replaceAll('\\', '/');
    const linked = text.replaceAll(`href="${PLAYGROUND}"`, `href="${href}"`);
    if (linked !== text) writeFileSync(page, linked);
  }
}

rmSync(site, { recursive: true, force: true });
const said = runOrThrow(process.execPath, [join(root, 'node_modules/typedoc/bin/typedoc')]);
if (said.trim() !== '') console.log(said.trim());
await buildPlayground(join(site, 'playground'));
linkPlayground();
writeLlms(site);
const { pages, links, problems } = checkLinks(site);
// The playground puts its links to the guides together as it runs.
const script = readFileSync(join(site, 'playground/playground.js'), 'utf8');
const guides = new Set(script.match(/documents\/[\w.-]+\.html/g));
const missing = [...guides].filter((path) => !existsSync(join(site, path)));
problems.push(...missing.map((path) => `playground: ${path}: is missing`));
if (guides.size === 0) problems.push('playground: links to no guide');
for (const problem of problems) console.error(`broken link: ${problem}`);
console.log(`docs/api/index.html: ${pages} pages, ${links} links, ${problems.length} broken`);
if (problems.length > 0) process.exitCode = 1;
