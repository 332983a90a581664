/**
 * Brings commits to the disk without holding up the only thread: behind a job that writes at full speed a sync takes
 * half a second and more. SQLite itself syncs nothing while this is at work; what was committed is synced by the pool of
 * threads, and whoever waits for it is answered after that. Commits that come meanwhile share the next sync.
 *
 * The log of commits is copied into the database's file by a thread with a connection of its own, while nothing is
 * committed: then it is copied whole, and emptied. A log that was copied and not emptied is written over from its
 * beginning. There the order in which parts of it reach the disk matters: after a loss of power, old commits with a new
 * one behind them would undo what came in between. So SQLite itself syncs until the log has been emptied.
 */
import { closeSync, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { NodeSqlite } from './sqlite-driver.ts';

const sync = promisify(fdatasync);
/** Some pages each. */
const COMMITS_UNTIL_COPIED = 100;

interface Waiting {
  settle: () => void;
  refuse: (error: unknown) => void;
}

export class DurableCommits {
  readonly #file: string;
  readonly #writer: NodeSqlite;
  #log: number | undefined;
  #waiting: Waiting[] = [];
  #syncing: Promise<void> | undefined;
  /** Since the last copy. Until the first one SQLite syncs: what an earlier server left may be written over. */
  #commits = 0;
  #worker: Worker | undefined;

  /** @param writer has the database open, and syncs until the first copy */
  constructor(file: string, writer: NodeSqlite) {
    this.#file = file;
    this.#writer = writer;
    writer.raw.exec('PRAGMA wal_autocheckpoint = 0');
  }

  /** To be called after each commit. @param settle called when it is on the disk @param refuse when it cannot be */
  committed(settle: () => void, refuse: (error: unknown) => void): void {
    this.#commits += 1;
    this.#waiting.push({ settle, refuse });
    this.#syncing ??= this.#syncAll().finally(() => {
      this.#syncing = undefined;
    });
  }

  /** Resolves when all that was committed is on the disk. */
  async synced(): Promise<void> {
    while (this.#syncing) await this.#syncing;
  }

  /** Copies the log when it has grown long; nothing may be committed before it resolves. */
  async copyNowAndThen(): Promise<void> {
    if (this.#commits < COMMITS_UNTIL_COPIED) return;
    this.#commits = 0;
    await this.#copy();
  }

  /** Nothing is committed any more. The writer syncs again, as what closes it must. */
  async close(): Promise<void> {
    await this.synced();
    await this.#worker?.terminate();
    this.#writer.raw.exec('PRAGMA synchronous = FULL');
    if (this.#log !== undefined) closeSync(this.#log);
  }

  async #syncAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        // It stays the same file for as long as the database is open.
        this.#log ??= openSync(`${this.#file}-wal`, 'r');
        await sync(this.#log);
        for (const { settle } of batch) settle();
      } catch (error) {
        for (const { refuse } of batch) refuse(error);
      }
    }
  }

  /** A copy that fails, as on a full disk, is made up for by the next one. */
  async #copy(): Promise<void> {
    const worker = this.#startedWorker();
    const isEmptied = await new Promise<boolean>((resolve) => {
      const done = (answer: unknown): void => {
        worker.off('message', done);
        worker.off('exit', done);
        resolve(answer === true);
      };
      worker.on('message', done);
      worker.on('exit', done);
      worker.postMessage('copy');
    });
    this.#writer.raw.exec(`PRAGMA synchronous = ${isEmptied ? 'OFF' : 'FULL'}`);
  }

  #startedWorker(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), {
      name: 'database-copy',
      workerData: this.#file,
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32, stackSizeMb: 1 },
    });
    worker.unref();
    const gone = (): void => {
      if (this.#worker === worker) this.#worker = undefined;
    };
    worker.on('error', gone);
    worker.on('exit', gone);
    this.#worker = worker;
    return worker;
  }
}
