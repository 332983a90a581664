/**
 * `node bare-fastify.ts DATABASE TEMPLATE`: Fastify with the least that makes the same durable insert and the same
 * read: no contract, no keys, no validation. Writes share one durable commit per turn of the event loop. Its database
 * is a copy of Errand's, so tables and indexes are the same.
 */
import { readFileSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import fastify from 'fastify';

export interface Template {
  /** The answer to a create. */
  answer: { id: string };
  /** The rows that one create adds. */
  rows: { table: string; values: Record<string, SQLInputValue> }[];
}

const ONE_ROW_BYTES = 500;

const [file, templateFile] = process.argv.slice(2) as [string, string];
const template = JSON.parse(readFileSync(templateFile, 'utf8')) as Template;
const database = new DatabaseSync(file);
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
database.exec('CREATE TABLE IF NOT EXISTS plain (id TEXT PRIMARY KEY, body TEXT NOT NULL)');

let count = 0;
const freshId = (like: string): string => {
  count += 1;
  return `${like.slice(0, 4)}${count.toString(32).padStart(20, '0')}`;
};

/** Writes wait here for the commit that the next turn makes for all of them. */
const queue: { insert: () => void; done: () => void; fail: (error: unknown) => void }[] = [];

function durably(insert: () => void): Promise<void> {
  return new Promise((done, fail) => {
    if (queue.length === 0) setImmediate(commit);
    queue.push({ insert, done, fail });
  });
}

function commit(): void {
  const batch = queue.splice(0);
  try {
    database.exec('BEGIN IMMEDIATE');
    for (const { insert } of batch) insert();
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    for (const { fail } of batch) fail(error);
    return;
  }
  for (const { done } of batch) done();
}

const inserts = template.rows.map(({ table, values }) => {
  const columns = Object.keys(values);
  const marks = columns.map(() => '?').join(', ');
  return {
    statement: database.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks})`),
    columns,
    values,
  };
});

function insertSameRows(id: string, now: string): void {
  for (const { statement, columns, values } of inserts) {
    statement.run(
      ...columns.map((column) => {
        const value = values[column]!;
        if (value === template.answer.id) return id;
        if (column === 'id') return freshId(String(value));
        return column === 'created_at' || column === 'updated_at' || column === 'at' ? now : value;
      }),
    );
  }
}

const plain = database.prepare('INSERT INTO plain (id, body) VALUES (?, ?)');
const body = 'x'.repeat(ONE_ROW_BYTES);
const one = database.prepare('SELECT * FROM jobs WHERE id = ?');
const page = database.prepare(
  'SELECT * FROM jobs WHERE service_id = ? ORDER BY created_at DESC, id DESC LIMIT 20',
);

const present = (row: Record<string, unknown>): unknown => ({
  id: row['id'],
  serviceId: row['service_id'],
  startCommand: row['start_command'],
  planId: row['plan_id'],
  status: row['phase'],
  createdAt: row['created_at'],
  startedAt: row['started_at'],
  finishedAt: row['finished_at'],
});

const app = fastify();
app.post('/same-rows', async (_request, reply) => {
  const [id, createdAt] = [freshId(template.answer.id), new Date().toISOString()];
  await durably(() => insertSameRows(id, createdAt));
  reply.code(201);
  return { ...template.answer, id, createdAt };
});
app.post('/one-row', async (_request, reply) => {
  const id = freshId(template.answer.id);
  await durably(() => plain.run(id, body));
  reply.code(201);
  return { ...template.answer, id };
});
app.get('/constant', async () => template.answer);
app.get<{ Params: { id: string } }>('/row/:id', async ({ params }) => present(one.get(params.id)!));
app.get<{ Params: { service: string } }>('/page/:service', async ({ params }) =>
  page.all(params.service).map((row) => ({ job: present(row) })),
);
const url = await app.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`listens on ${url}\n`);
