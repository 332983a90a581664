/**
 * The database handle. Reads go to a connection of their own and see committed rows only. Writes pass one queue:
 * all that arrive in one turn of the event loop share a single durable commit (group commit), each in a savepoint of
 * its own, so that one that fails takes nothing along. A write's promise resolves after the commit, never before.
 */
import { statSync } from 'node:fs';
import { Kysely, SqliteDialect } from 'kysely';
import { ErrandError } from '../errors.ts';
import { Ballast } from './ballast.ts';
import { migrate } from './migrate.ts';
import type { Schema } from './schema.ts';
import { NodeSqlite } from './sqlite-driver.ts';
import { type Companion, WriteScopes } from './write-scopes.ts';

export type Queries = Kysely<Schema>;

export interface Database {
  /** For reading committed rows. */
  readonly read: Queries;
  /**
   * Runs `work` in a transaction and resolves with its result once that is on disk. `work` may await queries on the
   * handle it is given and nothing else: it holds up every other write.
   * @param touches `jobs`: nothing but jobs, and records that no job is made from, changes, so that `epoch` stays
   * @throws what `work` throws (its changes are undone), or `unavailable` when the disk refuses
   */
  write<T>(work: (trx: Queries) => Promise<T>, touches?: Touches): Promise<T>;
  /**
   * Changes before and after every write that may touch more than jobs. What was read at one epoch still holds while
   * the epoch is the same.
   */
  readonly epoch: number;
  /**
   * Runs `work` so that all its reads and writes through this handle are one transaction: nothing of it is there when
   * it throws. It holds up every other write, so it may wait for this database and for nothing else.
   */
  atomic<T>(work: (trx: Queries) => Promise<T>): Promise<T>;
  /** Calls `then` once what the present work changes can be seen: after the commit of the `atomic` it is in, else at once. */
  afterCommit(then: () => void): void;
  /** Runs `work`; the first write in it that succeeds commits together with `companion`. */
  accompanied<T>(companion: Companion, work: () => Promise<T>): Promise<T>;
  /** Waits for queued writes, then closes. */
  close(): Promise<void>;
}

export type Touches = 'anything' | 'jobs';

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

/** The database file is not what was written to it; the message says what to do. */
export class DamagedDatabaseError extends Error {}

/**
 * Opens the database file, creating or migrating it.
 * @throws DamagedDatabaseError; other errors, also when it is of a newer version
 */
export async function openDatabase(file: string): Promise<Database> {
  try {
    return await openSound(file);
  } catch (error) {
    throw damaged(file, error);
  }
}

async function openSound(file: string): Promise<Database> {
  const writer = new NodeSqlite(file);
  try {
    writer.raw.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    checkForDamage(writer, file);
    await migrate(writer);
  } catch (error) {
    writer.close();
    throw error;
  }
  const reader = new NodeSqlite(file, { readOnly: true });
  const ballast = new Ballast(`${file}-ballast`);
  ballast.restore();
  return new SqliteStore(writer, reader, ballast);
}

/** Up to here the whole file is checked at each start, which takes a fraction of a second; beyond, its table of tables. */
const CHECKED_BYTES = 64 * 2 ** 20;

function checkForDamage({ raw }: NodeSqlite, file: string): void {
  if (statSync(file).size <= CHECKED_BYTES) {
    const verdict = raw.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (verdict !== 'ok') throw new DamagedDatabaseError(damageMessage(file, String(verdict)));
  } else {
    raw.prepare('SELECT count(*) FROM sqlite_schema').get();
  }
}

/** Primary result codes of SQLite that mean: the file is not sound. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

function damaged(file: string, error: unknown): unknown {
  const { cause } = error as { cause?: unknown };
  const code =
    (error as { errcode?: number }).errcode ?? (cause as { errcode?: number } | undefined)?.errcode;
  if (code === undefined || ![SQLITE_CORRUPT, SQLITE_NOTADB].includes(code & 0xff)) return error;
  return new DamagedDatabaseError(damageMessage(file, (error as Error).message), { cause: error });
}

const damageMessage = (file: string, what: string): string =>
  `the database ${file} is damaged (${what.split('\n')[0]}) and nothing was started. Put a backup in its place ` +
  `(docs/recovery.md, "Backup and restore"), or save what can be read: sqlite3 ${file} .recover | sqlite3 recovered.db`;

class SqliteStore implements Database {
  readonly #committed: Queries;
  readonly #writer: NodeSqlite;
  readonly #reader: NodeSqlite;
  readonly #scopes = new WriteScopes();
  readonly #queries: Queries;
  readonly #queue: Pending[] = [];
  readonly #ballast: Ballast;
  #ballastIsOut = false;
  #draining: Promise<void> | undefined;
  #epoch = 0;

  constructor(writer: NodeSqlite, reader: NodeSqlite, ballast: Ballast) {
    this.#writer = writer;
    this.#reader = reader;
    this.#ballast = ballast;
    this.#committed = new Kysely<Schema>({ dialect: new SqliteDialect({ database: reader }) });
    this.#queries = new Kysely<Schema>({ dialect: new SqliteDialect({ database: writer }) });
  }

  get read(): Queries {
    return this.#scopes.transaction ?? this.#committed;
  }

  get epoch(): number {
    return this.#epoch;
  }

  async write<T>(work: (trx: Queries) => Promise<T>, touches: Touches = 'anything'): Promise<T> {
    const waiting = this.#scopes.takeCompanion();
    if (!waiting) return this.#writeOnly(work, touches);
    try {
      return await this.#writeOnly(async (trx) => {
        const result = await work(trx);
        await waiting.companion(trx, result);
        return result;
      }, touches);
    } catch (error) {
      waiting.giveBack();
      throw error;
    }
  }

  async atomic<T>(work: (trx: Queries) => Promise<T>): Promise<T> {
    const afterCommit: (() => void)[] = [];
    const result = await this.write((trx) => this.#scopes.inTransaction(trx, afterCommit, () => work(trx)));
    // Within an outer transaction they wait for that one.
    for (const then of afterCommit) this.#scopes.afterCommit(then);
    return result;
  }

  afterCommit(then: () => void): void {
    this.#scopes.afterCommit(then);
  }

  accompanied<T>(companion: Companion, work: () => Promise<T>): Promise<T> {
    return this.#scopes.withCompanion(companion, work);
  }

  #writeOnly<T>(work: (trx: Queries) => Promise<T>, touches: Touches): Promise<T> {
    const transaction = this.#scopes.transaction;
    return transaction ? this.#nested(transaction, work) : this.#enqueue(work, touches);
  }

  /** A write within a transaction: what it changed is undone when it throws, the rest stays. */
  async #nested<T>(transaction: Queries, work: (trx: Queries) => Promise<T>): Promise<T> {
    this.#writer.raw.exec('SAVEPOINT nested');
    try {
      const value = await work(transaction);
      this.#writer.raw.exec('RELEASE nested');
      return value;
    } catch (error) {
      this.#epoch += 1;
      if (this.#writer.raw.isTransaction) this.#writer.raw.exec('ROLLBACK TO nested; RELEASE nested');
      throw error;
    }
  }

  #enqueue<T>(work: (trx: Queries) => Promise<T>, touches: Touches): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ touches, work, resolve: resolve as (value: unknown) => void, reject });
      this.#draining ??= new Promise((done) => setImmediate(done)).then(() => this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) await this.#commitBatch();
    this.#draining = undefined;
  }

  async #commitBatch(): Promise<void> {
    const settle: (() => void)[] = [];
    const batch: Pending[] = [];
    try {
      this.#writer.raw.exec('BEGIN IMMEDIATE');
      while (this.#queue.length > 0 && batch.length < MAX_BATCH) {
        const one = this.#queue.shift()!;
        batch.push(one);
        settle.push(await this.#inSavepoint(one));
      }
      this.#writer.raw.exec('COMMIT');
    } catch (error) {
      if (this.#writer.raw.isTransaction) this.#writer.raw.exec('ROLLBACK');
      const refused = storageError(error);
      this.#epoch += 1;
      // With room made, the same again. There is room to make once.
      if (isDiskError(error) && this.#ballast.release()) {
        this.#ballastIsOut = true;
        this.#queue.unshift(...batch);
        return;
      }
      // A failure to begin concerns whoever waits; otherwise the batch would be tried for ever.
      const concerned = batch.length > 0 ? batch : this.#queue.splice(0);
      for (const one of concerned) one.reject(refused);
      return;
    }
    if (batch.some(({ touches }) => touches === 'anything')) this.#epoch += 1;
    for (const done of settle) done();
    if (this.#ballastIsOut) this.#restoreBallastSoon();
  }

  #restoreBallastSoon(): void {
    this.#ballastIsOut = false;
    setTimeout(() => this.#ballast.restore(), BALLAST_PAUSE_MS).unref();
  }

  async #inSavepoint(one: Pending): Promise<() => void> {
    if (one.touches === 'anything') this.#epoch += 1;
    this.#writer.raw.exec('SAVEPOINT one');
    try {
      const value = await one.work(this.#queries);
      this.#writer.raw.exec('RELEASE one');
      return () => one.resolve(value);
    } catch (error) {
      // SQLite itself rolls back the whole transaction on some disk errors: then nothing is left to undo here.
      // What was read in it is undone with it.
      this.#epoch += 1;
      // A full disk concerns the whole batch.
      if (!this.#writer.raw.isTransaction || isDiskError(error)) throw error;
      this.#writer.raw.exec('ROLLBACK TO one; RELEASE one');
      return () => one.reject(error instanceof ErrandError ? error : storageError(error));
    }
  }

  async close(): Promise<void> {
    while (this.#draining) await this.#draining;
    this.#reader.close();
    this.#writer.close();
  }
}

/** Primary result codes of SQLite that mean: the disk refuses. */
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

function isDiskError(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode;
  return code !== undefined && [SQLITE_IOERR, SQLITE_FULL].includes(code & 0xff);
}

function storageError(error: unknown): unknown {
  if (!isDiskError(error)) return error;
  return new ErrandError(
    'unavailable',
    'the server cannot write to its data folder (disk full?); nothing was changed, try again later',
    { cause: error },
  );
}
