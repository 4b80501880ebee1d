import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Extractor, ExtractorConfig, type ExtractorMessage } from '@microsoft/api-extractor';
import { root } from './build.ts';
import { entryPoints } from './entry-points.ts';

const committed = '.ci/api';
const scratch = '.cache/api';

/**
 * Compares the declarations of every entry point with its committed report, `.ci/api/<name>.api.md`,
 * and returns what differs; with `update`, writes the reports instead.
 */
export function apiReports(update: boolean): string[] {
  mkdirSync(join(root, committed), { recursive: true });
  rmSync(join(root, scratch), { recursive: true, force: true });
  mkdirSync(join(root, scratch), { recursive: true });
  return Object.keys(entryPoints).flatMap((name) => reportOf(name, update));
}

function reportOf(name: string, update: boolean): string[] {
  const said: string[] = [];
  const messageCallback = (message: ExtractorMessage): void => {
    message.handled = true;
    if (message.logLevel === 'error' || message.logLevel === 'warning') said.push(`${name}: ${message.text}`);
  };
  const { apiReportChanged } = Extractor.invoke(configOf(name), { localBuild: false, messageCallback });
  const fresh = join(root, scratch, `${name}.api.md`);
  if (!existsSync(fresh)) return [...said, `${name}: no report was made`];
  if (!apiReportChanged) return said;
  if (!update)
    return [
      `${name}: the public API is not that of ${committed}/${name}.api.md`,
      `  diff -u ${committed}/${name}.api.md ${scratch}/${name}.api.md`,
    ];
  copyFileSync(fresh, join(root, committed, `${name}.api.md`));
  return [];
}

function configOf(name: string): ExtractorConfig {
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, 'dist', `${name}.d.ts`),
      compiler: { tsconfigFilePath: join(root, 'tsconfig.json') },
      newlineKind: 'lf',
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: join(root, committed),
        reportTempFolder: join(root, scratch),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        extractorMessageReporting: {
          default: { logLevel: 'none' as never },
          // The root exports every type that a signature names; an entry point may leave the shared ones to it.
          'ae-forgotten-export': { logLevel: (name === 'index' ? 'error' : 'none') as never },
        },
        tsdocMessageReporting: { default: { logLevel: 'none' as never } },
      },
    },
  });
}
