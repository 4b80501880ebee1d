import { mkdirSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { buildPlayground } from '../../.ci/playground.ts';
import { chromiumTool } from '../matrix/chromium.ts';
import { pictures, site } from './places.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Chromium, or undefined when it is missing. */
    chromium: string | undefined;
  }
}

/** Builds the playground once, and finds the browser, where tests of this run want them. */
export default async function globalSetup(project: TestProject): Promise<void> {
  const isWanted = project.vitest.state.getPaths().some((path) => /[\\/]test[\\/]docs[\\/]playground/.test(path));
  const chromium = isWanted ? chromiumPath() : undefined;
  project.provide('chromium', chromium);
  if (!chromium) return;
  mkdirSync(pictures, { recursive: true });
  await buildPlayground(site);
}

function chromiumPath(): string | undefined {
  const tool = chromiumTool();
  if ('path' in tool) return tool.path;
  if (process.env['CI'] === 'true') throw new Error(`CI=true and ${tool.missing}`);
  console.log(`SKIPPED: tests of the playground, because ${tool.missing}`);
  return undefined;
}
