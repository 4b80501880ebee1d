import { createCache, createCachedStore } from '../../../src/cache/index.ts';
import type { FolderStore } from './folder-store.ts';
import { openFolder } from './folder-store.ts';
import type { Chapter, DemoOptions, Report } from './report.ts';

const PLAYERS = 10;
const WRITES = 1000;

/** Writes through and behind into a folder of files, which is away for a while. */
export const writes: Chapter = async (report, options) => {
  const folder = await openFolder();
  try {
    await through(report, folder);
    await behind(report, folder, options);
  } finally {
    await folder.destroy();
  }
};

const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

async function through(report: Report, folder: FolderStore): Promise<void> {
  report.chapter('Writes through the cache, into a folder of files');
  const users = createCachedStore(folder, {
    cache: createCache<string, string>({ maxEntries: 100 }),
    write: 'through',
  });
  await users.put('user-7', 'ann');
  const [kept, onDisk] = [await users.get('user-7'), await folder.read('user-7')];
  report.promise('a write is on disk when it resolves, and is read', kept === 'ann' && onDisk === 'ann', `${onDisk}`);
  await folder.takeAway();
  const failure = await failureOf(users.put('user-7', 'anna'));
  const during = await users.get('user-7');
  await folder.bringBack();
  const after = await folder.read('user-7');
  report.promise(
    'a write that fails says so, and neither cache nor disk has it',
    failure instanceof Error && during === 'ann' && after === 'ann',
    `${(failure as NodeJS.ErrnoException | undefined)?.code}; ${during} in the cache, ${after} on disk`,
  );
  await users.close();
}

async function behind(report: Report, folder: FolderStore, { leaveOut }: DemoOptions): Promise<void> {
  report.chapter(`${WRITES} writes of ${PLAYERS} keys behind the cache, while the folder is away`);
  const scores = createCachedStore(folder, {
    cache: createCache<string, string>({ maxEntries: 3 }),
    write: 'behind',
    behind: { flushIntervalMs: 500 },
  });
  const before = folder.written;
  await folder.takeAway();
  for (let k = 0; k < WRITES; k++) await scores.put(`player-${k % PLAYERS}`, String(k));
  const expected = Array.from({ length: PLAYERS }, (_, k) => String(WRITES - PLAYERS + k));
  const readAll = (read: (key: string) => Promise<string | undefined>): Promise<(string | undefined)[]> =>
    Promise.all(expected.map((_, k) => read(`player-${k}`)));
  const seen = await readAll((key) => scores.get(key));
  report.promise(
    'reads see the last writes, with a cache of 3 entries and no store',
    String(seen) === String(expected),
    `${scores.pendingWrites} keys pending`,
  );
  const failure = await failureOf(scores.flush());
  const named = failure instanceof AggregateError ? failure.errors.length : 0;
  report.promise(
    'flush does not claim what is not true',
    named === PLAYERS && scores.pendingWrites === PLAYERS,
    `${named} keys named as not durable, all kept`,
  );
  await folder.bringBack();
  if (!leaveOut.includes('close')) await scores.close();
  const onDisk = await readAll((key) => folder.read(key));
  report.promise(
    'the folder is back: what was acknowledged is on disk after close',
    String(onDisk) === String(expected) && folder.written - before === PLAYERS,
    `${onDisk.filter((value) => value !== undefined).length} of ${PLAYERS} keys, ${folder.written - before} files written for ${WRITES} writes`,
  );
  await scores.close();
}
