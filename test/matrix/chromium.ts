import { spawnSync } from 'node:child_process';
import { findOnPath } from '../support/find-binary.ts';
import type { Tool } from './tools.ts';

/** Chromium from PATH, or from Debian's packages where this process may install them. */
export function chromiumTool(): Tool {
  const path = find();
  if (path) return { path };
  if (process.getuid?.() !== 0 || !findOnPath('apt-get')) return { missing: 'no chromium on PATH' };
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    const { status, stderr } = spawnSync('apt-get', args, {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (status !== 0) return { missing: `apt-get ${args.join(' ')} failed: ${stderr.trim().slice(0, 400)}` };
  }
  const installed = find();
  return installed ? { path: installed } : { missing: 'the package chromium brought no binary' };
}

function find(): string | undefined {
  return process.env['CHROMIUM'] ?? ['chromium', 'chromium-browser', 'google-chrome'].map(findOnPath).find(Boolean);
}
