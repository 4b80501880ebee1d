import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../.ci/build.ts';
import { entryPoints } from '../../.ci/entry-points.ts';

/** A folder from which JSR could be published to: the sources, and a list of entry points. */
export function makeJsrPackage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-jsr-'));
  for (const name of ['src', 'README.md', 'LICENSE', 'CHANGELOG.md'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  const names = Object.entries(entryPoints);
  const settings = {
    name: '@holdfast/holdfast',
    version: '0.0.0',
    license: 'MIT',
    exports: Object.fromEntries(names.map(([name, path]) => [name === 'index' ? '.' : `./${name}`, `./${path}`])),
    compilerOptions: { lib: ['esnext', 'dom', 'deno.ns'] },
  };
  writeFileSync(join(folder, 'jsr.json'), JSON.stringify(settings));
  return folder;
}
