/**
 * Trees of files that commands wrote: deep beyond what a path can say, with names that are no text. Names are handled
 * as bytes, and links are never followed.
 */
import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Folders whose path is longer than this are lifted; what is in one then has a path within the system's 4096. */
const LONG_PATH_BYTES = 3000;
const REMOVE_TRIES = 5;
const REMOVE_PAUSE_MS = 50;
const SEPARATOR = Buffer.from('/');

type Bytes = Buffer<ArrayBuffer>;
type Entry = Dirent<Bytes>;

const pathOf = (folder: Bytes, { name }: Entry): Bytes => Buffer.concat([folder, SEPARATOR, name]);

/**
 * Visits everything below a folder, a folder before what is in it and the entries of one folder at the same time.
 * @throws ENAMETOOLONG when the tree is deeper than a path can say
 */
export async function walkTree(
  root: string,
  visit: (path: Bytes, entry: Entry) => Promise<void>,
): Promise<void> {
  const folders = [Buffer.from(root)];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const at = folder;
    const entries = await readdir(at, { withFileTypes: true, encoding: 'buffer' });
    await Promise.all(entries.map((entry) => visit(pathOf(at, entry), entry)));
    folders.push(...entries.filter((entry) => entry.isDirectory()).map((entry) => pathOf(at, entry)));
  }
}

/**
 * Removes a folder or file with everything in it; nothing when there is none.
 * @throws EBUSY within a second where something is mounted in it
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await remove(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENAMETOOLONG') throw error;
    await flatten(path);
    await remove(path);
  }
}

/** Tried again from the root: retries of `rm` itself are made at each level, and add up to minutes in a deep tree. */
async function remove(path: string): Promise<void> {
  for (let left = REMOVE_TRIES; ; left -= 1) {
    try {
      return await rm(path, { recursive: true, force: true });
    } catch (error) {
      // What was made or used in the same instant.
      const isPassing = ['EBUSY', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '');
      if (!isPassing || left === 1) throw error;
      await delay(REMOVE_PAUSE_MS);
    }
  }
}

/**
 * Moves what lies too deep up to the root, again and again, until every path is short. What is gone meanwhile is fine:
 * a removal that was given up may still be at work.
 */
async function flatten(root: string): Promise<void> {
  const folders: Bytes[] = [Buffer.from(root)];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' }).catch(unlessGone);
    for (const entry of entries ?? []) {
      if (!entry.isDirectory()) continue;
      let path: Bytes = pathOf(folder, entry);
      if (path.length > LONG_PATH_BYTES) {
        const lifted = Buffer.from(join(root, `deep-${randomBytes(8).toString('hex')}`));
        await rename(path, lifted).catch(unlessGone);
        path = lifted;
      }
      folders.push(path);
    }
  }
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
