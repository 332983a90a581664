/** The log of commits: short for as long as a server runs, and gone when it ends in order. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DurableCommits } from '../../src/db/durable-commits.ts';
import { type Database, openDatabase } from '../../src/db/open.ts';
import { NodeSqlite } from '../../src/db/sqlite-driver.ts';
import { newId } from '../../src/shared/ids.ts';

let folder: string;
let file: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-test-'));
  file = join(folder, 'errand.db');
  database = await openDatabase(file);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const add = (name: string): Promise<unknown> =>
  database.write((trx) =>
    trx
      .insertInto('workspaces')
      .values({ id: newId('tea'), name, email: 'a@example.com', created_at: '2026-01-01T00:00:00.000000Z' })
      .execute(),
  );

const count = (): number => {
  const other = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(other.prepare('SELECT count(*) AS n FROM workspaces').get()!['n']);
  } finally {
    other.close();
  }
};

test('is copied into the database again and again, and loses nothing', async () => {
  for (let n = 0; n < 1000; n += 1) await add(`workspace ${n}`);
  expect(count()).toBe(1000);
  // Each commit adds two pages and more.
  expect(statSync(`${file}-wal`).size).toBeLessThan(1000 * 4096);
  await database.close();
  expect(existsSync(`${file}-wal`)).toBe(false);
  expect(count()).toBe(1000);
});

test('is emptied when it was copied; while a reader keeps it from that, SQLite syncs each commit', async () => {
  const [OFF, FULL] = [0, 2];
  const own = join(folder, 'own.db');
  const writer = new NodeSqlite(own);
  writer.raw.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE numbers (n INTEGER)');
  const durable = new DurableCommits(own, writer);
  const commit = async (times: number): Promise<number> => {
    for (let n = 0; n < times; n += 1) {
      writer.raw.exec(`INSERT INTO numbers VALUES (${n})`);
      await new Promise<void>((settle, refuse) => durable.committed(settle, refuse));
      await durable.copyNowAndThen();
    }
    return Number(writer.raw.prepare('PRAGMA synchronous').get()!['synchronous']);
  };
  expect(await commit(99)).toBe(FULL);
  expect(await commit(1)).toBe(OFF);
  expect(statSync(`${own}-wal`).size).toBe(0);
  const reader = new DatabaseSync(own, { readOnly: true });
  await commit(1);
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM numbers').get();
  expect(await commit(120)).toBe(FULL);
  reader.exec('COMMIT');
  reader.close();
  expect(await commit(120)).toBe(OFF);
  expect(writer.raw.prepare('SELECT count(*) AS n FROM numbers').get()!['n']).toBe(341);
  await durable.close();
  writer.close();
});

test('holds commits that came together in the order in which they were asked for', async () => {
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 300 }, (_, n) => add(`workspace ${n}`).then(() => void order.push(n))),
  );
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(count()).toBe(300);
  await database.close();
});
