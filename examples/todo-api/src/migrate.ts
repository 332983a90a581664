/**
 * Brings the database to the newest schema: `npm run migrate`. Each file of migrations/ runs once, in order of its
 * name, in a transaction of its own. Two runs at the same time do not disturb each other.
 */
import { readdir, readFile } from 'node:fs/promises';
import type pg from 'pg';
import { connect } from './database.js';

const folder = new URL('../migrations/', import.meta.url);
/** Any number that nothing else of this database locks. */
const LOCK = 7_203_001;

const pool = connect();
try {
  const client = await pool.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await migrate(client);
  } finally {
    // Ends the session, and with it the lock.
    client.release(true);
  }
} finally {
  await pool.end();
}

async function migrate(client: pg.ClientBase): Promise<void> {
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    version TEXT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
  )`);
  const applied = await client.query<{ version: string }>('SELECT version FROM schema_migrations');
  const done = new Set(applied.rows.map(({ version }) => version));
  const pending = (await readdir(folder)).filter((name) => name.endsWith('.sql') && !done.has(name)).sort();
  for (const name of pending) await apply(client, name);
  console.log(pending.length === 0 ? 'the schema is current' : `${pending.length} migrations applied`);
}

async function apply(client: pg.ClientBase, name: string): Promise<void> {
  const sql = await readFile(new URL(name, folder), 'utf8');
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO schema_migrations (version) VALUES ($1)', [name]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw new Error(`migration ${name} failed; nothing of it is applied`, { cause: error });
  }
  console.log(`applied ${name}`);
}
