import type { TestProject } from 'vitest/node';
import { installPacked } from '../../.ci/build.ts';
import { runtimeTool, typescriptTool, type Tool } from '../matrix/tools.ts';
import { versions } from '../matrix/versions.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder with the packed package in its `node_modules`. */
    consumer: string;
    /** The compilers of consumers, by version: the script to run, or undefined when it is missing. */
    compilers: Readonly<Record<string, string | undefined>>;
    /** The workerd binary, or undefined when it is missing. */
    workerd: string | undefined;
  }
}

/** Builds, packs and installs the package once, and fetches the programs that the package tests of this run want. */
export default function globalSetup(project: TestProject): void {
  const files = project.vitest.state.getPaths().map((path) => path.replaceAll('\\', '/'));
  const isRun = (name: string): boolean => files.some((file) => file.endsWith(`/test/package/${name}.test.ts`));
  if (files.some((file) => file.includes('/test/package/'))) project.provide('consumer', installPacked());
  const compilers = isRun('exports')
    ? versions.typescript.map((version) => [version, pathOf(typescriptTool(version), 'exports.test.ts')] as const)
    : [];
  project.provide('compilers', Object.fromEntries(compilers));
  project.provide('workerd', isRun('construct') ? pathOf(runtimeTool('workerd'), 'construct.test.ts') : undefined);
}

function pathOf(tool: Tool, user: string): string | undefined {
  if ('path' in tool) return tool.path;
  if (process.env['CI'] === 'true') throw new Error(`CI=true and ${tool.missing}`);
  console.log(`SKIPPED: tests in ${user}, because ${tool.missing}`);
  return undefined;
}
