/**
 * The thread of `segment-sync.ts`. Takes the paths of all segments that may grow, and answers with what became of them.
 * Each file is open for the moment of its sync alone.
 */
import { closeSync, fdatasync, openSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { parentPort } from 'node:worker_threads';
import type { SyncPass } from './segment-sync.ts';

/**
 * How many are synced at once: those share a commit of the file system's journal, which is most of the time on a busy
 * disk. Each takes one of the process's four threads for files; one is left for whoever reads.
 */
const AT_ONCE = 3;

const syncData = promisify(fdatasync);
/** How long each was when it was synced last. */
let lengths = new Map<string, number>();

parentPort!.on('message', async (paths: string[]) => parentPort!.postMessage(await syncGrown(paths)));

async function syncGrown(paths: string[]): Promise<SyncPass> {
  const pass: SyncPass = { synced: 0, failed: [] };
  const before = lengths;
  lengths = new Map();
  const left = paths.values();
  const lane = async (): Promise<void> => {
    for (const path of left) await syncIfGrown(path, before.get(path) ?? 0, pass);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return pass;
}

async function syncIfGrown(path: string, before: number, pass: SyncPass): Promise<void> {
  try {
    // Asked for before the sync: what is appended meanwhile counts as growth the next time.
    const { size } = statSync(path);
    if (size !== before) {
      await syncFile(path);
      pass.synced += 1;
    }
    lengths.set(path, size);
  } catch (error) {
    // Not written to yet, or removed: nothing of it can be lost.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    pass.failed.push({ path, error: (error as Error).message });
    lengths.set(path, before);
  }
}

async function syncFile(path: string): Promise<void> {
  const file = openSync(path, 'r');
  try {
    await syncData(file);
  } finally {
    closeSync(file);
  }
}
