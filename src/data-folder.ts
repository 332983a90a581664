/**
 * The data folder belongs to one server at a time. The claim is SQLite's exclusive lock on a file in it: the system
 * gives it up when the process ends, however it ends, so nothing stale can be left behind; and nobody who cannot reach
 * the folder can hold it, as a job on the host's network could hold the name of a socket.
 */
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigError } from './config.ts';

export interface DataFolder {
  release(): void;
}

/** Another server uses it. */
export class DataFolderInUse extends ConfigError {}

/** In the data folder; the server that has it open is the folder's own. */
export const LOCK_FILE = 'server.lock';
/** SQLite's code for a lock that another connection holds. */
const SQLITE_BUSY = 5;

/** Makes the folder, for its owner alone, and claims it. @throws ConfigError when it cannot, DataFolderInUse when another server has it */
export function claimDataFolder(folder: string): DataFolder {
  try {
    makeFolder(folder);
    chmodSync(folder, 0o700);
  } catch (cause) {
    throw new ConfigError(`the data folder ${folder} cannot be made: ${(cause as Error).message}`, { cause });
  }
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(folder, LOCK_FILE), { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock?.close();
    if ((cause as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new DataFolderInUse(
        `another server uses the data folder ${folder}: stop it, or choose another --data-dir`,
        { cause },
      );
    }
    throw new ConfigError(`the data folder ${folder} cannot be used: ${(cause as Error).message}`, { cause });
  }
  const held = lock;
  return { release: () => held.close() };
}

/** One level after the other: where nothing can be made, as in /proc, Node's own `recursive` tries for ever. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(folder);
    // Its parent is there, so that is not what is missing.
    if (code !== 'ENOENT' || statSync(parent, { throwIfNoEntry: false })) throw error;
    makeFolder(parent);
    mkdirSync(folder, { mode: 0o700 });
  }
}
