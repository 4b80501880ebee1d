// Runs before every npm command, on whatever Node is there, so it is plain JavaScript without dependencies:
// installs the locked development dependencies when they are missing or the lock file has changed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const stamp = 'node_modules/.holdfast-lock';
const lock = readFileSync('package-lock.json', 'utf8');
const isInstalled = existsSync(stamp) && readFileSync(stamp, 'utf8') === lock;

if (!isInstalled) {
  console.log('holdfast: installing the development dependencies (npm ci, about half a minute)');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) process.exit(npm.status ?? 1);
  writeFileSync(stamp, lock);
}
