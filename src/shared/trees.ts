/**
 * Trees of files that commands wrote: wide beyond what memory holds, deep beyond what a path can say, with names that
 * are no text. What is small is handled here; anything else by a program of the host, in a process of its own, so that
 * no tree can hold up this one or fill its memory. Links are never followed.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, opendirSync } from 'node:fs';
import { lchown, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nothingIfAbsent, unlessAbsent } from './absence.ts';
import { mountsBelow } from './mount-table.ts';
import { runProgram } from './programs.ts';

/** Files and folders of a tree that is handled here. An instance that wrote little has a dozen. */
const SMALL_ENTRIES = 500;
/** A folder that had many names stays long on some file systems, and reading it is slow. */
const SMALL_FOLDER_BYTES = 256 * 1024;
/** To give back the blocks of a large file takes long, and there are few threads for it. */
const SMALL_FILE_BYTES = 64 * 2 ** 20;
/** What has a longer path may have things in it whose path is longer than the system's 4096. */
const SMALL_PATH_BYTES = 3000;
/** From here on the system accepts no path. */
const PATH_MAX_BYTES = 4096;
const REMOVE_TRIES = 5;
const REMOVE_PAUSE_MS = 50;
/** Longer than millions of files take on a slow disk. One that is not done goes on where it was. */
const PROGRAM_TIMEOUT_MS = 30 * 60_000;
/** In the data folder. */
const DISCARDED = 'discarded';
const SEPARATOR = Buffer.from('/');

interface Entry {
  path: Buffer;
  isFolder: boolean;
}

/**
 * Removes a folder or file with everything in it; nothing when there is none. Takes as long as that takes.
 * @param stop gives up; another call goes on
 * @throws EBUSY within a second where something is mounted in it
 */
export async function removeTree(path: string, stop?: AbortSignal): Promise<void> {
  if (await removeSmall(path)) return;
  refuseMounts(path);
  await run('rm', ['-rf', '--one-file-system', '--', path], { stop });
}

/**
 * Makes a tree of the data folder be gone from its place: a small one is removed at once, anything else moved to where
 * `discardedTrees` finds it.
 * @throws EBUSY within a second where something is mounted in it
 */
export async function discardTree(path: string, dataDir: string): Promise<void> {
  if (await removeSmall(path)) return;
  refuseMounts(path);
  const bin = join(dataDir, DISCARDED);
  mkdirSync(bin, { recursive: true, mode: 0o700 });
  await rename(path, join(bin, randomBytes(10).toString('hex'))).catch(nothingIfAbsent);
}

/** What was discarded and is not removed yet. */
export async function* discardedTrees(dataDir: string): AsyncGenerator<string> {
  const bin = join(dataDir, DISCARDED);
  const folder = await opendir(bin).catch(nothingIfAbsent);
  if (!folder) return;
  for await (const { name } of folder) yield join(bin, name);
}

/** Hands everything in a tree to a user, and then the tree itself. */
export async function giveTree(path: string, user: { uid: number; gid: number }): Promise<void> {
  const small = listSmall(path);
  if (!small) return run('chown', ['-R', '-P', '-h', '--', `${user.uid}:${user.gid}`, path]);
  for (const { path: one } of small.reverse()) await lchown(one, user.uid, user.gid);
}

/**
 * How many files and links are below a folder, and the bytes of the files.
 * @returns undefined where one of them has a path that is too long for this host
 */
export async function measureTree(root: string): Promise<{ files: number; bytes: number } | undefined> {
  const total = { files: 0, bytes: 0 };
  let isTooLong = false;
  let number = 0;
  const tooLong = ['-path', `${'?'.repeat(PATH_MAX_BYTES)}*`, '-printf', '-', '-quit'];
  const aFile = ['-type', 'f', '-printf', '%s\n'];
  const another = ['!', '-type', 'd', '-printf', '0\n'];
  await run('find', [root, '-mindepth', '1', ...tooLong, '-o', ...aFile, '-o', ...another], {
    onOutput: (chunk) => {
      for (const byte of chunk) {
        if (byte === 0x2d) isTooLong = true;
        else if (byte !== 0x0a) number = number * 10 + byte - 0x30;
        else {
          total.files += 1;
          total.bytes += number;
          number = 0;
        }
      }
    },
  });
  return isTooLong ? undefined : total;
}

function run(
  program: string,
  args: string[],
  options: { stop?: AbortSignal | undefined; onOutput?: (chunk: Buffer) => void } = {},
): Promise<void> {
  return runProgram(program, args, { ...options, timeoutMs: PROGRAM_TIMEOUT_MS });
}

/** @returns false, with nothing changed, when the tree is not small */
async function removeSmall(path: string): Promise<boolean> {
  for (let left = REMOVE_TRIES; ; left -= 1) {
    const entries = listSmall(path);
    if (!entries) return false;
    try {
      for (const { path: one, isFolder } of entries.reverse()) {
        await (isFolder ? rmdir(one) : unlink(one)).catch(nothingIfAbsent);
      }
      return true;
    } catch (error) {
      // What was made or used in the same instant.
      const isPassing = ['EBUSY', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '');
      if (!isPassing || left === 1) throw error;
      await delay(REMOVE_PAUSE_MS);
    }
  }
}

/**
 * All of a tree, a folder before what is in it; undefined when it is not small. Read at once: it was used a moment ago,
 * and a turn of the event loop for each of its folders would take longer than reading them.
 */
function listSmall(root: string): Entry[] | undefined {
  const path = Buffer.from(root);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  const entries: Entry[] = [{ path, isFolder: found.isDirectory() }];
  for (let at = 0; at < entries.length; at += 1) {
    const entry = entries[at]!;
    if (entry.path.length > SMALL_PATH_BYTES) return undefined;
    const { size = 0 } = lstatSync(entry.path, { throwIfNoEntry: false }) ?? {};
    if (size > (entry.isFolder ? SMALL_FOLDER_BYTES : SMALL_FILE_BYTES)) return undefined;
    if (!entry.isFolder) continue;
    if (!addEntries(entry.path, entries)) return undefined;
  }
  return entries;
}

/** @returns false when there are too many */
function addEntries(folder: Buffer, entries: Entry[]): boolean {
  const open = unlessAbsent(() => opendirSync(folder as unknown as string, { encoding: 'buffer' as never }));
  if (!open) return true;
  try {
    for (let next = open.readSync(); next; next = open.readSync()) {
      if (entries.length >= SMALL_ENTRIES) return false;
      // As bytes: a name may be no text.
      const name = next.name as unknown as Buffer;
      entries.push({ path: Buffer.concat([folder, SEPARATOR, name]), isFolder: next.isDirectory() });
    }
    return true;
  } finally {
    open.closeSync();
  }
}

/** No program may meet what is mounted in a tree: it would remove that as well. */
function refuseMounts(path: string): void {
  const mounts = mountsBelow(path);
  if (mounts.length === 0) return;
  const message = `EBUSY: ${path} has something mounted in it, at ${mounts[0]!.target}`;
  throw Object.assign(new Error(message), { code: 'EBUSY' });
}
