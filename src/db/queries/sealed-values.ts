/** Sealed values of whatever table: read in pages by the table's key, and replaced one by one. */
import { sql } from 'kysely';
import type { Queries } from '../open.ts';
import type { Schema } from '../schema.ts';

/** A column of sealed values, or of JSON with a field that holds one. */
export interface SealedColumn {
  table: keyof Schema;
  /** The columns that name a row. */
  keys: readonly string[];
  column: string;
  /** The field of the JSON in the column; without it the column is the value. */
  field?: string;
  /** What the value is bound to. @param keys the values of `keys` */
  boundTo(keys: readonly string[]): string;
}

export interface SealedRow {
  keys: string[];
  /** The column's text. */
  text: string;
  sealed: string;
}

/** Rows with a sealed value in the order of their keys, from the one after `after`. */
export async function selectSealed(
  queries: Queries,
  of: SealedColumn,
  limit: number,
  after?: readonly string[],
): Promise<SealedRow[]> {
  const keys = sql.join(of.keys.map((key) => sql.ref(key)));
  const column = sql.ref(of.column);
  // A field is looked for by its name: that needs no reading of the JSON by the database.
  const holds = of.field ? sql`${column} like ${`%"${of.field}":"%`}` : sql`${column} is not null`;
  const follows = after ? sql`(${keys}) > (${sql.join(after)})` : sql`1 = 1`;
  const { rows } = await sql<Record<string, string>>`
    select ${keys}, ${column} as sealed_text from ${sql.table(of.table)}
    where ${holds} and ${follows} order by ${keys} limit ${limit}`.execute(queries);
  return rows.map((row) => {
    const text = row['sealed_text']!;
    return { keys: of.keys.map((key) => row[key]!), text, sealed: of.field ? fieldOf(text, of.field) : text };
  });
}

/** Puts another sealed value in the place of a row's. */
export async function replaceSealed(
  trx: Queries,
  of: SealedColumn,
  row: SealedRow,
  sealed: string,
): Promise<void> {
  const text = of.field ? JSON.stringify({ ...JSON.parse(row.text), [of.field]: sealed }) : sealed;
  const keys = sql.join(of.keys.map((key) => sql.ref(key)));
  await sql`
    update ${sql.table(of.table)} set ${sql.ref(of.column)} = ${text}
    where (${keys}) = (${sql.join(row.keys)})`.execute(trx);
}

const fieldOf = (text: string, field: string): string => (JSON.parse(text) as Record<string, string>)[field]!;
