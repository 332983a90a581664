/** Queries that are compiled once: they give what Kysely itself gives, on whatever handle. */
import { Kysely, SqliteDialect } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import type { Queries } from '../../src/db/open.ts';
import { prepared } from '../../src/db/prepared.ts';
import type { Schema } from '../../src/db/schema.ts';
import { NodeSqlite, SqliteQueries } from '../../src/db/sqlite-driver.ts';

let sqlite: NodeSqlite;
let handles: Record<string, Queries>;

beforeAll(async () => {
  sqlite = new NodeSqlite(':memory:');
  await migrate(sqlite);
  handles = {
    'its own handle': new SqliteQueries(sqlite),
    'a handle of any dialect': new Kysely<Schema>({ dialect: new SqliteDialect({ database: sqlite }) }),
  };
});
afterAll(() => sqlite.close());

type Setting = { name: string; value: string };

const insertion = prepared((queries, row: Setting) => queries.insertInto('settings').values(row));
const byName = prepared((queries, { name }: { name: string }) =>
  queries.selectFrom('settings').selectAll().where('name', '=', name),
);
const firstOf = prepared((queries, { value, limit }: { value: string; limit: number }) =>
  queries
    .selectFrom('settings')
    .selectAll()
    .where('name', 'not in', ['hidden'])
    .where('value', '=', value)
    .orderBy('name')
    .limit(limit),
);
const change = prepared((queries, { name, value }: Setting) =>
  queries.updateTable('settings').set({ value }).where('name', '=', name).returningAll(),
);

test.each(['its own handle', 'a handle of any dialect'])(
  'on %s they insert, find, list and change',
  async (handle) => {
    const queries = handles[handle]!;
    const name = (text: string): string => `${handle}, ${text}`;
    await insertion.run(queries, { name: name('a'), value: handle });
    // The order in which fields are named is of no matter.
    await insertion.run(queries, { value: handle, name: name('b') });
    expect(await byName.first(queries, { name: name('a') })).toEqual({ name: name('a'), value: handle });
    expect(await byName.first(queries, { name: name('c') })).toBeUndefined();
    expect(await firstOf.all(queries, { value: handle, limit: 10 })).toHaveLength(2);
    expect(await firstOf.all(queries, { value: handle, limit: 1 })).toMatchObject([{ name: name('a') }]);
    expect(await firstOf.all(queries, { value: 'none', limit: 10 })).toEqual([]);
    expect(await change.first(queries, { name: name('b'), value: 'new' })).toMatchObject({ value: 'new' });
    expect(await byName.first(queries, { name: name('b') })).toMatchObject({ value: 'new' });
    expect(await change.first(queries, { name: name('c'), value: 'new' })).toBeUndefined();
  },
);

test('a value that would be SQL stays a value', async () => {
  for (const queries of Object.values(handles)) {
    const name = `'; DROP TABLE settings; --`;
    expect(await byName.first(queries, { name })).toBeUndefined();
  }
  expect(sqlite.raw.prepare('SELECT count(*) AS count FROM settings').get()).toMatchObject({ count: 4 });
});
