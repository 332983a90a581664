/**
 * The thread of `segment-sync.ts`: one file after the other, each open for the moment of its sync alone. Takes the paths
 * of all segments that may grow, and answers with what became of them.
 */
import { closeSync, fdatasyncSync, openSync, statSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { SyncPass } from './segment-sync.ts';

/** How long each was when it was synced last. */
let lengths = new Map<string, number>();

parentPort!.on('message', (paths: string[]) => parentPort!.postMessage(syncGrown(paths)));

function syncGrown(paths: string[]): SyncPass {
  const pass: SyncPass = { synced: 0, failed: [] };
  const present = new Map<string, number>();
  for (const path of paths) {
    const before = lengths.get(path) ?? 0;
    try {
      // Asked for before the sync: what is appended meanwhile counts as growth the next time.
      const { size } = statSync(path);
      if (size !== before) {
        syncFile(path);
        pass.synced += 1;
      }
      present.set(path, size);
    } catch (error) {
      // Not written to yet, or removed: nothing of it can be lost.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      pass.failed.push({ path, error: (error as Error).message });
      present.set(path, before);
    }
  }
  lengths = present;
  return pass;
}

function syncFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}
