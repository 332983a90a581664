/** Adapts Node's own SQLite to the interface that Kysely's SqliteDialect expects, and caches prepared statements. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import type { Schema } from './schema.ts';

/** Enough for every distinct statement of the project; a cache without an end would be a leak. */
const MAX_CACHED_STATEMENTS = 500;
/** SQLite before this version can lose committed rows when writers and checkpoints overlap. */
const OLDEST_SAFE_SQLITE = [3, 51, 3];

export class NodeSqlite implements SqliteDatabase {
  readonly raw: DatabaseSync;
  readonly #statements = new Map<string, SqliteStatement>();

  /** @throws when the file cannot be opened or SQLite is too old */
  constructor(file: string, options: { readOnly?: boolean } = {}) {
    this.raw = new DatabaseSync(file, { timeout: 5000, readOnly: options.readOnly ?? false });
    const version = String(this.raw.prepare('SELECT sqlite_version() AS v').get()?.['v']);
    if (isOlder(version)) throw new Error(`SQLite ${version} is too old: 3.51.3 or newer is needed`);
  }

  prepare(sql: string): SqliteStatement {
    const cached = this.#statements.get(sql);
    if (cached) return cached;
    const statement = adapt(this.raw.prepare(sql));
    if (this.#statements.size >= MAX_CACHED_STATEMENTS) {
      this.#statements.delete(this.#statements.keys().next().value!);
    }
    this.#statements.set(sql, statement);
    return statement;
  }

  close(): void {
    this.#statements.clear();
    if (this.raw.isOpen) this.raw.close();
  }
}

/** Kysely on one connection, which prepared queries use directly. */
export class SqliteQueries extends Kysely<Schema> {
  readonly sqlite: NodeSqlite;

  constructor(sqlite: NodeSqlite) {
    super({ dialect: new SqliteDialect({ database: sqlite }) });
    this.sqlite = sqlite;
  }
}

function isOlder(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, wanted] of OLDEST_SAFE_SQLITE.entries()) {
    if ((parts[index] ?? 0) !== wanted) return (parts[index] ?? 0) < wanted;
  }
  return false;
}

function adapt(statement: StatementSync): SqliteStatement {
  const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];
  const columns = asRows(statement);
  return {
    // Asked of the statement itself: guessing from the text fails for `WITH ... RETURNING`.
    reader: columns.length > 0,
    all: (parameters) => statement.all(...values(parameters)).map((row) => rowOf(columns, row)),
    run: (parameters) => statement.run(...values(parameters)),
    *iterate(parameters) {
      for (const row of statement.iterate(...values(parameters))) yield rowOf(columns, row);
    },
  };
}

/**
 * Makes a statement give its rows as lists, for `rowOf`: where SQLite's binding makes them objects, it makes the names
 * of all columns anew for each row, which takes longer than reading it. @returns the names
 */
export function asRows(statement: StatementSync): readonly string[] {
  statement.setReturnArrays(true);
  return statement.columns().map(({ name }) => name);
}

/** The object for a row that came as a list. */
export function rowOf<Row>(columns: readonly string[], values: unknown): Row {
  const row: Record<string, unknown> = {};
  for (let index = 0; index < columns.length; index += 1) row[columns[index]!] = (values as unknown[])[index];
  return row as Row;
}
