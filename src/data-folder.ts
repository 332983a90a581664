/**
 * The data folder belongs to one server at a time. The claim is SQLite's exclusive lock on a file in it: the system
 * gives it up when the process ends, however it ends, so nothing stale can be left behind; and nobody who cannot reach
 * the folder can hold it, as a job on the host's network could hold the name of a socket.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigError } from './config.ts';

export interface DataFolder {
  release(): void;
}

/** In the data folder; the server that has it open is the folder's own. */
export const LOCK_FILE = 'server.lock';
/** SQLite's code for a lock that another connection holds. */
const SQLITE_BUSY = 5;

/** Makes the folder, for its owner alone, and claims it. @throws ConfigError when it cannot, or another server has it */
export function claimDataFolder(folder: string): DataFolder {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
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
      throw new ConfigError(
        `another server uses the data folder ${folder}: stop it, or choose another --data-dir`,
        { cause },
      );
    }
    throw new ConfigError(`the data folder ${folder} cannot be used: ${(cause as Error).message}`, { cause });
  }
  const held = lock;
  return { release: () => held.close() };
}
