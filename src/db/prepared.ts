/**
 * Queries that run for every request or every job. Kysely builds and compiles one at its first use on a handle; from
 * then on only the values change. On SQLite such a query is a prepared statement and takes no part of Kysely; on other
 * engines its compiled text is executed like every other.
 */
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { type Compilable, CompiledQuery } from 'kysely';
import type { Queries } from './open.ts';
import { asRows, rowOf, SqliteQueries } from './sqlite-driver.ts';

/** Stands for a value that is not known yet, where the query is built. */
class Mark {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

interface Compiled {
  sql: string;
  /** The parameters in their order: names of given values, and values that are part of the query itself. */
  parameters: readonly unknown[];
  statement: StatementSync | undefined;
  /** Names of the columns that the statement gives. */
  columns: readonly string[];
}

type Now<T> = T | Promise<T>;

export class Prepared<Given extends object, Row> {
  readonly #build: (queries: Queries, given: Given) => Compilable<Row>;
  readonly #compiled = new WeakMap<Queries, Compiled>();

  constructor(build: (queries: Queries, given: Given) => Compilable<Row>) {
    this.#build = build;
  }

  /** The first row, if there is any. @param given always with the same fields */
  first(queries: Queries, given: Given): Now<Row | undefined> {
    const { statement, sql, parameters, columns } = this.#on(queries, given);
    const values = valuesOf(parameters, given);
    if (statement) {
      const row = statement.get(...values);
      return row && rowOf<Row>(columns, row);
    }
    return queries.executeQuery<Row>(CompiledQuery.raw(sql, values)).then(({ rows }) => rows[0]);
  }

  /** All rows. @param given always with the same fields */
  all(queries: Queries, given: Given): Now<Row[]> {
    const { statement, sql, parameters, columns } = this.#on(queries, given);
    const values = valuesOf(parameters, given);
    if (statement) return statement.all(...values).map((row) => rowOf<Row>(columns, row));
    return queries.executeQuery<Row>(CompiledQuery.raw(sql, values)).then(({ rows }) => rows);
  }

  /** For changes that give no rows. @param given always with the same fields */
  run(queries: Queries, given: Given): Now<void> {
    const { statement, sql, parameters } = this.#on(queries, given);
    const values = valuesOf(parameters, given);
    if (!statement) return queries.executeQuery(CompiledQuery.raw(sql, values)).then(() => undefined);
    statement.run(...values);
  }

  #on(queries: Queries, given: Given): Compiled {
    return this.#compiled.get(queries) ?? this.#compile(queries, given);
  }

  #compile(queries: Queries, given: Given): Compiled {
    const marks = Object.fromEntries(Object.keys(given).map((name) => [name, new Mark(name)]));
    const { sql, parameters } = this.#build(queries, marks as Given).compile();
    const statement = queries instanceof SqliteQueries ? queries.sqlite.raw.prepare(sql) : undefined;
    const columns = statement ? asRows(statement) : [];
    const compiled = { sql, parameters, statement, columns };
    this.#compiled.set(queries, compiled);
    return compiled;
  }
}

function valuesOf(parameters: readonly unknown[], given: object): SQLInputValue[] {
  return parameters.map((one) =>
    one instanceof Mark ? (given as Record<string, SQLInputValue>)[one.name]! : (one as SQLInputValue),
  );
}

/**
 * @param build the query, with the fields of `given` where values are meant. It must not look at them: at that time
 * they are none
 */
export function prepared<Given extends object, Row>(
  build: (queries: Queries, given: Given) => Compilable<Row>,
): Prepared<Given, Row> {
  return new Prepared(build);
}
