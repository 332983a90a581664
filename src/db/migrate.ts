/** Applies the numbered migrations in order, each in one transaction with its row in `schema_migrations`. */
import { migrations } from './migrations/index.ts';
import type { NodeSqlite } from './sqlite-driver.ts';

/** @throws when the database was written by a newer version of Errand, or is damaged */
export async function migrate(database: NodeSqlite): Promise<void> {
  const { raw } = database;
  raw.exec(
    'CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)',
  );
  const applied = Number(
    raw.prepare('SELECT max(version) AS version FROM schema_migrations').get()?.['version'] ?? 0,
  );
  if (applied > migrations.length) {
    throw new Error(
      `the database has schema version ${applied}, this Errand knows up to ${migrations.length}: use a newer Errand`,
    );
  }
  for (const [index, sql] of migrations.entries()) {
    const version = index + 1;
    raw.exec('BEGIN IMMEDIATE');
    try {
      // Asked again inside the transaction: another process may have applied it in between.
      const done = raw.prepare('SELECT 1 FROM schema_migrations WHERE version = ?').get(version);
      if (!done) {
        raw.exec(sql);
        raw.prepare('INSERT INTO schema_migrations VALUES (?, ?)').run(version, new Date().toISOString());
      }
      raw.exec('COMMIT');
    } catch (error) {
      raw.exec('ROLLBACK');
      throw new Error(`migration ${version} failed`, { cause: error });
    }
  }
}
