import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/*
 * A shell that outlives this process by a moment. It reads which children are alive and which
 * folders are in use, and when its input ends, because this process ended in whatever way
 * (SIGKILL included), it kills the children by pid and removes the folders. A frozen child cannot
 * watch its parent itself, and servers do not.
 */
const SCRIPT = `
trap '' INT TERM HUP
pids=' ' folders=
while read -r word value; do
  case $word in
    watch) pids="$pids$value " ;;
    forget) case $pids in *" $value "*) pids="\${pids%% $value *} \${pids#* $value }" ;; esac ;;
    folder) folders="$folders
$value" ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
echo "$folders" | while read -r folder; do
  case $folder in */holdfast-*) rm -rf "$folder" ;; esac
done
`;

let input: Writable | undefined;

function tell(word: 'watch' | 'forget' | 'folder', value: string | number): void {
  input ??= startGuardian();
  input.write(`${word} ${value}\n`);
}

function startGuardian(): Writable {
  // A group of its own, so that Ctrl-C ends the test run and not the guardian.
  const guardian = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  guardian.on('error', (error) => console.log(`no guardian for child processes: ${error.message}`));
  guardian.stdin.on('error', () => {});
  guardian.unref();
  (guardian.stdin as unknown as { unref(): void }).unref();
  return guardian.stdin;
}

/** Ends this child by pid when this process ends. */
export function watchPid(pid: number): void {
  tell('watch', pid);
}

/** The child has ended: its pid may belong to somebody else from now on. */
export function forgetPid(pid: number): void {
  tell('forget', pid);
}

/** Removes this folder, whose name must start with `holdfast-`, when this process ends. */
export function watchFolder(path: string): void {
  tell('folder', path);
}
