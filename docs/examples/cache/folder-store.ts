import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackingStore } from '../../../src/cache/index.ts';

/** A store that keeps each value in a file of its own, and fails while its folder is away. */
export interface FolderStore extends BackingStore<string, string> {
  /** Files that were written since the start. */
  readonly written: number;
  /** What is on disk. */
  read(key: string): Promise<string | undefined>;
  /** Moves the folder, so that everything fails. */
  takeAway(): Promise<void>;
  bringBack(): Promise<void>;
  remove(key: string): Promise<void>;
  destroy(): Promise<void>;
}

export async function openFolder(): Promise<FolderStore> {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
  const [folder, elsewhere] = [join(home, 'rows'), join(home, 'away')];
  await mkdir(folder);
  let written = 0;
  const read = async (key: string): Promise<string | undefined> => {
    await access(folder);
    return readFile(join(folder, key), 'utf8').catch(() => undefined);
  };
  return {
    get written() {
      return written;
    },
    read,
    load: read,
    async store(key, value) {
      await writeFile(join(folder, key), value);
      written++;
    },
    remove: (key) => rm(join(folder, key)),
    takeAway: () => rename(folder, elsewhere),
    bringBack: () => rename(elsewhere, folder),
    destroy: () => rm(home, { recursive: true, force: true }),
  };
}
