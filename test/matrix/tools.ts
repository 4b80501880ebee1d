import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runOrThrow } from '../../.ci/build.ts';
import { versions } from './versions.ts';

/** A program in `.cache/tools/`, or why it is not there. */
export type Tool = { readonly path: string } | { readonly missing: string };

/** The compiler `tsc` of a version, as a script to run with Node. */
export function typescriptTool(version: string): Tool {
  return installed(`typescript-${version}`, `typescript@${version}`, 'node_modules/typescript/bin/tsc');
}

/** The `node` binary of a version, from the package that the `node` package takes it from. */
export function nodeTool(version: string): Tool {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  return installed(`node-${version}`, `${name}@${version}`, `node_modules/${name}/bin/node`);
}

/** Bun, Deno or workerd, started through the link that npm makes. */
export function runtimeTool(name: 'bun' | 'deno' | 'workerd'): Tool {
  return installed(`${name}-${versions[name]}`, `${name}@${versions[name]}`, `node_modules/.bin/${name}`);
}

/** Installs one package into a folder of its own, unless it is there; half an installation is thrown away. */
function installed(folderName: string, spec: string, program: string): Tool {
  const folder = join(root, '.cache/tools', folderName);
  const path = join(folder, program);
  const done = join(folder, 'installed');
  if (existsSync(done) && readFileSync(done, 'utf8') === spec) return { path };
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const name = spec.slice(0, spec.lastIndexOf('@'));
    // npm 11 and later ask which packages may run their install scripts: this one, it was asked for by name.
    const manifest = { name: 'tool', private: true, allowScripts: { [name]: true } };
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest)}\n`);
    runOrThrow('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', '--save-exact', spec], folder);
    if (!existsSync(path)) throw new Error(`${spec} has no ${program}`);
    writeFileSync(done, spec);
    return { path };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return { missing: `${spec} could not be installed: ${firstLines((error as Error).message)}` };
  }
}

function firstLines(text: string): string {
  return text.split('\n').slice(0, 6).join('; ');
}
