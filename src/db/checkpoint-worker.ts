/** The thread of `durable-commits.ts`: copies the log of commits into the database's file, with all syncs that takes. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

const database = new DatabaseSync(workerData as string, { timeout: 1000 });
database.exec('PRAGMA synchronous = FULL');
const checkpoint = database.prepare('PRAGMA wal_checkpoint(PASSIVE)');

parentPort!.on('message', () => {
  try {
    checkpoint.get();
  } catch {
    // As on a full disk: the log stays, and the next copy is of more.
  }
  parentPort!.postMessage('done');
});
