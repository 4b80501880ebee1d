// Runs before every npm command, on whatever Node is there, so it is plain JavaScript without dependencies:
// installs the locked development dependencies when they are missing or are not those of the lock file.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** npm writes down what it has installed, at the very end of an installation. */
function isInstalled() {
  const record = 'node_modules/.package-lock.json';
  if (!existsSync(record)) return false;
  const { packages: present } = JSON.parse(readFileSync(record, 'utf8'));
  const { packages: wanted } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || present[path]?.version === version,
  );
}

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(`holdfast: Node 20 or later is needed, this is ${process.versions.node}`);
  process.exit(1);
}

if (!isInstalled()) {
  console.log('holdfast: installing the development dependencies (npm ci, about half a minute)');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) process.exit(npm.status ?? 1);
}
