/**
 * Brings output to the disk: what grows, in passes, and what is complete, at once. The passes have a thread of their own,
 * which keeps the main one free of a tenth of a millisecond for each file.
 */
import { closeSync, fsync, openSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

const fsyncFile = promisify(fsync);
/** The thread holds some megabytes: it goes when there was nothing that may grow for so many passes. */
const IDLE_PASSES = 10;

/** How the thread is called where threads are listed. */
const THREAD = 'output-to-disk';

export interface SyncPass {
  /** How many had grown and are on the disk now as long as they were. */
  synced: number;
  failed: { path: string; error: string }[];
}

export class SegmentSync {
  #worker: Worker | undefined;
  #idlePasses = 0;
  #pass: { resolve: (pass: SyncPass) => void; reject: (error: unknown) => void } | undefined;

  /** One pass over all segments that may grow; never two at once. @throws when its thread ends */
  async pass(paths: string[]): Promise<SyncPass> {
    if (paths.length === 0) {
      this.#idlePasses += 1;
      if (this.#idlePasses === IDLE_PASSES) await this.close();
      return { synced: 0, failed: [] };
    }
    this.#idlePasses = 0;
    if (this.#pass) throw new Error('a pass over the segments is under way');
    this.#worker ??= this.#start();
    const worker = this.#worker;
    try {
      return await new Promise<SyncPass>((resolve, reject) => {
        this.#pass = { resolve, reject };
        worker.postMessage(paths);
      });
    } finally {
      this.#pass = undefined;
    }
  }

  /** Ends the thread; a further pass starts another. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./sync-worker.ts', import.meta.url), {
      name: THREAD,
      // A path and a length for each segment that may grow.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64, stackSizeMb: 1 },
    });
    worker.unref();
    const ended = (error: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#pass?.reject(error);
    };
    worker.on('message', (pass: SyncPass) => this.#pass?.resolve(pass));
    worker.on('error', ended);
    worker.on('exit', () => ended(new Error('the thread that syncs output ended')));
    return worker;
  }
}

/** Brings one file to the disk, with its mode. Nothing to do for one that is empty or not there. */
export async function syncSegment(path: string): Promise<void> {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return;
  const file = openSync(path, 'r');
  try {
    await fsyncFile(file);
  } finally {
    closeSync(file);
  }
}
