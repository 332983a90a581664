/** Conditions of list queries, as portable SQL: filters that may be absent, and the keyset of a page. */
import { type RawBuilder, type SqlBool, sql } from 'kysely';

export type Condition = RawBuilder<SqlBool>;

/** A range of instants; both ends are outside it. */
export interface InstantRange {
  before?: string | undefined;
  after?: string | undefined;
}

/** One page, newest first: at most `limit` rows that follow `after`. */
export interface Page {
  limit: number;
  after?: { createdAt: string; id: string } | undefined;
}

/** All of the given conditions; absent ones are true. */
export function allOf(...conditions: (Condition | undefined)[]): Condition {
  const present = conditions.filter((one) => one !== undefined);
  return present.length === 0 ? sql<SqlBool>`1 = 1` : sql<SqlBool>`${sql.join(present, sql` and `)}`;
}

export function equals(column: string, value: string): Condition {
  return sql<SqlBool>`${sql.ref(column)} = ${value}`;
}

/** The column has one of the values; true when no values are named. */
export function oneOf(column: string, values: readonly string[] | undefined): Condition | undefined {
  return values ? sql<SqlBool>`${sql.ref(column)} in (${sql.join(values)})` : undefined;
}

/** The instant in the column lies strictly within the range. */
export function within(column: string, { before, after }: InstantRange = {}): Condition | undefined {
  if (before === undefined && after === undefined) return undefined;
  return allOf(
    before === undefined ? undefined : sql<SqlBool>`${sql.ref(column)} < ${before}`,
    after === undefined ? undefined : sql<SqlBool>`${sql.ref(column)} > ${after}`,
  );
}

/** The rows of `table` that follow the keyset in the order newest first. */
export function follows(table: string, after: Page['after']): Condition | undefined {
  if (!after) return undefined;
  const keyset = sql`(${sql.ref(`${table}.created_at`)}, ${sql.ref(`${table}.id`)})`;
  return sql<SqlBool>`${keyset} < (${after.createdAt}, ${after.id})`;
}

/**
 * The conditions of the partial indexes, to the letter: only where a query repeats them so does the planner know that
 * such an index will do. Without them each look for waiting work would read all jobs, or deploys, that ever were.
 */
export const UNFINISHED_JOBS = sql<boolean>`phase in ('pending', 'starting', 'running', 'stopping')`;
export const ACTIVE_DEPLOYS = sql<boolean>`status in ('queued', 'build_in_progress')`;
