/**
 * The database handle. Reads go to a connection of their own and see committed rows only. Writes pass one queue
 * (`group-commit.ts`). A write's promise resolves after the commit, never before.
 */
import { statSync } from 'node:fs';
import type { Kysely } from 'kysely';
import { Ballast } from './ballast.ts';
import { DurableCommits } from './durable-commits.ts';
import { GroupCommit, type Touches } from './group-commit.ts';
import { migrate } from './migrate.ts';
import type { Schema } from './schema.ts';
import { NodeSqlite, SqliteQueries } from './sqlite-driver.ts';
import { type Companion, WriteScopes } from './write-scopes.ts';

export type Queries = Kysely<Schema>;

export interface Database {
  /** For reading committed rows. */
  readonly read: Queries;
  /**
   * Runs `work` in a transaction and resolves with its result once that is on disk. `work` may await queries on the
   * handle it is given and nothing else: it holds up every other write. It may run again, when what it changed was
   * undone together with the failed write of somebody else.
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
  /** Waits for queued writes, then closes: writes that come later are refused as `unavailable`. */
  close(): Promise<void>;
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
  const durable = new DurableCommits(file, writer);
  return new SqliteStore(new SqliteQueries(writer), new SqliteQueries(reader), ballast, durable);
}

/** A copy that nobody writes to, for reading alone. */
export function openCopy(file: string): { queries: Queries; close(): void } {
  const sqlite = new NodeSqlite(file, { readOnly: true });
  return { queries: new SqliteQueries(sqlite), close: () => sqlite.close() };
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
  readonly #writer: SqliteQueries;
  readonly #reader: SqliteQueries;
  readonly #scopes = new WriteScopes();
  readonly #writes: GroupCommit;
  readonly #durable: DurableCommits;

  constructor(writer: SqliteQueries, reader: SqliteQueries, ballast: Ballast, durable: DurableCommits) {
    this.#writer = writer;
    this.#reader = reader;
    this.#writes = new GroupCommit(writer, ballast, durable);
    this.#durable = durable;
  }

  get read(): Queries {
    return this.#scopes.transaction ?? this.#reader;
  }

  get epoch(): number {
    return this.#writes.epoch;
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
    let afterCommit: (() => void)[] = [];
    const result = await this.write((trx) => {
      // When it runs again, what the earlier run said never happened.
      afterCommit = [];
      return this.#scopes.inTransaction(trx, afterCommit, () => work(trx));
    });
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
    return transaction ? this.#writes.nested(transaction, work) : this.#writes.add(work, touches);
  }

  async close(): Promise<void> {
    await this.#writes.close();
    await this.#durable.close();
    this.#reader.sqlite.close();
    this.#writer.sqlite.close();
  }
}
