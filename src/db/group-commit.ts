/**
 * The queue that all writes pass. Those that arrive in one turn of the event loop share a single durable commit; one
 * that fails takes nothing along. Whoever waits is answered after the commit, never before.
 */
import type { StatementSync } from 'node:sqlite';
import { ErrandError } from '../errors.ts';
import type { Ballast } from './ballast.ts';
import type { DurableCommits } from './durable-commits.ts';
import type { Queries } from './open.ts';
import type { SqliteQueries } from './sqlite-driver.ts';

export type Touches = 'anything' | 'jobs';

const STOPPING = 'the server is stopping; nothing was changed, ask the next one';
/** A disk that was full a moment ago is not one to fill. */
const BALLAST_PAUSE_MS = 10_000;
/** Writes that share one commit at most; bounds how long the first of them waits. */
const MAX_BATCH = 512;

interface Pending {
  touches: Touches;
  work: (trx: Queries) => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

type Settle = () => void;

export class GroupCommit {
  /** See `Database.epoch`. */
  epoch = 0;
  readonly #queries: SqliteQueries;
  readonly #ballast: Ballast;
  readonly #durable: DurableCommits;
  readonly #queue: Pending[] = [];
  readonly #changes: StatementSync;
  #ballastIsOut = false;
  #draining: Promise<void> | undefined;
  /** Whether each write of the next batch gets a savepoint. */
  #guarded = false;
  #isClosed = false;

  constructor(queries: SqliteQueries, ballast: Ballast, durable: DurableCommits) {
    this.#queries = queries;
    this.#ballast = ballast;
    this.#durable = durable;
    this.#changes = queries.sqlite.raw.prepare('SELECT total_changes() AS count');
  }

  /**
   * Resolves with what `work` gives once that is on disk. `work` runs again when another one's failure undid it.
   * @throws `unavailable` after `close`
   */
  add<T>(work: (trx: Queries) => Promise<T>, touches: Touches): Promise<T> {
    if (this.#isClosed) return Promise.reject(new ErrandError('unavailable', STOPPING));
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ touches, work, resolve: resolve as (value: unknown) => void, reject });
      this.#draining ??= new Promise((done) => setImmediate(done)).then(() => this.#drain());
    });
  }

  /** A write within a transaction: what it changed is undone when it throws, the rest stays. */
  async nested<T>(transaction: Queries, work: (trx: Queries) => Promise<T>): Promise<T> {
    this.#run('SAVEPOINT nested');
    try {
      const value = await work(transaction);
      this.#run('RELEASE nested');
      return value;
    } catch (error) {
      this.epoch += 1;
      if (this.#isOpen) this.#undo('nested');
      throw error;
    }
  }

  /** Waits until nothing waits; from then on writes are refused. */
  async close(): Promise<void> {
    while (this.#draining) await this.#draining;
    this.#isClosed = true;
    await this.#durable.synced();
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#commitBatch();
      await this.#durable.copyNowAndThen();
    }
    this.#draining = undefined;
  }

  async #commitBatch(): Promise<void> {
    const batch: Pending[] = [];
    let settled: Settle[] | undefined;
    try {
      this.#run('BEGIN IMMEDIATE');
      settled = this.#guarded ? await this.#carryOutGuarded(batch) : await this.#carryOut(batch);
      this.#run(settled ? 'COMMIT' : 'ROLLBACK');
    } catch (error) {
      this.#refuse(batch, error);
      return;
    }
    this.#guarded = settled === undefined;
    if (!settled) {
      this.epoch += 1;
      this.#queue.unshift(...batch);
      return;
    }
    if (batch.some(({ touches }) => touches === 'anything')) this.epoch += 1;
    const done = settled;
    this.#durable.committed(
      () => {
        for (const settle of done) settle();
      },
      (error) => {
        for (const one of batch) one.reject(notDurable(error));
      },
    );
    if (this.#ballastIsOut) this.#restoreBallastSoon();
  }

  /**
   * Carries out what waits, and what comes meanwhile. Most that fail do so before they change anything, so there is
   * nothing to undo.
   * @returns nothing when one failed that had changed something: the whole batch has to be undone
   */
  async #carryOut(batch: Pending[]): Promise<Settle[] | undefined> {
    const settled: Settle[] = [];
    for (const one of this.#take(batch)) {
      const before = this.#changeCount();
      try {
        const value = await one.work(this.#queries);
        settled.push(() => one.resolve(value));
      } catch (error) {
        this.#rethrowOfDisk(error);
        if (this.#changeCount() !== before) return undefined;
        settled.push(() => one.reject(storageError(error)));
      }
    }
    return settled;
  }

  /** The same with a savepoint for each. That costs as much again as most writes do, and a batch rarely needs it. */
  async #carryOutGuarded(batch: Pending[]): Promise<Settle[]> {
    const settled: Settle[] = [];
    for (const one of this.#take(batch)) {
      this.#run('SAVEPOINT one');
      try {
        const value = await one.work(this.#queries);
        this.#run('RELEASE one');
        settled.push(() => one.resolve(value));
      } catch (error) {
        // What was read in it is undone with it.
        this.epoch += 1;
        this.#rethrowOfDisk(error);
        this.#undo('one');
        settled.push(() => one.reject(storageError(error)));
      }
    }
    return settled;
  }

  *#take(batch: Pending[]): Iterable<Pending> {
    while (this.#queue.length > 0 && batch.length < MAX_BATCH) {
      const one = this.#queue.shift()!;
      batch.push(one);
      if (one.touches === 'anything') this.epoch += 1;
      yield one;
    }
  }

  #refuse(batch: Pending[], error: unknown): void {
    if (this.#isOpen) this.#run('ROLLBACK');
    this.epoch += 1;
    // With room made, the same again. There is room to make once.
    if (isDiskError(error) && this.#ballast.release()) {
      this.#ballastIsOut = true;
      this.#queue.unshift(...batch);
      return;
    }
    // A failure to begin concerns whoever waits; otherwise the batch would be tried for ever.
    const concerned = batch.length > 0 ? batch : this.#queue.splice(0);
    for (const one of concerned) one.reject(storageError(error));
  }

  /** A full disk concerns the whole batch; and SQLite itself rolls all of it back on some errors of the disk. */
  #rethrowOfDisk(error: unknown): void {
    if (!this.#isOpen || isDiskError(error)) throw error;
  }

  #restoreBallastSoon(): void {
    this.#ballastIsOut = false;
    setTimeout(() => this.#ballast.restore(), BALLAST_PAUSE_MS).unref();
  }

  #run(sql: string): void {
    this.#queries.sqlite.prepare(sql).run([]);
  }

  #undo(savepoint: string): void {
    this.#run(`ROLLBACK TO ${savepoint}`);
    this.#run(`RELEASE ${savepoint}`);
  }

  get #isOpen(): boolean {
    return this.#queries.sqlite.raw.isTransaction;
  }

  #changeCount(): number {
    return Number(this.#changes.get()!['count']);
  }
}

/** Primary result codes of SQLite that mean: the disk refuses. */
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

function isDiskError(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode;
  return code !== undefined && [SQLITE_IOERR, SQLITE_FULL].includes(code & 0xff);
}

/** It was made, and may be gone after a loss of power. */
const notDurable = (cause: unknown): unknown =>
  new ErrandError(
    'unavailable',
    'the server cannot bring its database to the disk; what was asked for may or may not have been done',
    { cause },
  );

function storageError(error: unknown): unknown {
  if (!isDiskError(error)) return error;
  return new ErrandError(
    'unavailable',
    'the server cannot write to its data folder (disk full?); nothing was changed, try again later',
    { cause: error },
  );
}
