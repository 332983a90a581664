/**
 * The thread of `durable-commits.ts`: copies the log of commits into the database's file, with all syncs that takes, and
 * empties it on the disk. Answers whether it is empty: a reader of another process can keep it from that.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** Nothing is committed meanwhile. */
const READERS_WAIT_MS = 20;

const database = new DatabaseSync(workerData as string, { timeout: READERS_WAIT_MS });
database.exec('PRAGMA synchronous = FULL');
const checkpoint = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)');

function copyAndEmpty(): boolean {
  try {
    if (checkpoint.get()!['busy'] !== 0) return false;
    const log = openSync(`${workerData}-wal`, 'r');
    try {
      fsyncSync(log);
    } finally {
      closeSync(log);
    }
    return true;
  } catch {
    // As on a full disk: the log stays, and the next copy is of more.
    return false;
  }
}

parentPort!.on('message', () => parentPort!.postMessage(copyAndEmpty()));
