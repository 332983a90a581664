/** Copies of the database that can be taken while a server writes, and are known as copies when one is started on. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { NodeSqlite } from './sqlite-driver.ts';

/** The setting that marks a copy; its value is the instant of which it is. */
export const BACKUP_MARK = 'copied_at';

/**
 * Writes a consistent, checked and marked copy, also under load.
 * @param from a database file, which must exist
 * @param to must not exist; appears when the copy is complete
 * @param now the present instant
 */
export function copyDatabase(from: string, to: string, now: string): void {
  if (!existsSync(from)) throw new Error(`there is no database at ${from}`);
  if (existsSync(to)) throw new Error(`${to} exists already: name a new file`);
  const partial = `${to}.partial`;
  rmSync(partial, { force: true });
  try {
    const source = new NodeSqlite(from, { readOnly: true });
    try {
      source.raw.prepare('VACUUM INTO ?').run(partial);
    } finally {
      source.close();
    }
    markAsCopy(partial, now, { anew: true });
    const file = openSync(partial, 'r');
    fsyncSync(file);
    closeSync(file);
    renameSync(partial, to);
  } finally {
    rmSync(partial, { force: true });
  }
}

/**
 * Marks a copy as one, unless it is marked already: with the instant of which it is.
 * @throws when it is damaged or no database of Errand
 */
export function markAsCopy(file: string, at: string, { anew = false } = {}): void {
  const copy = new NodeSqlite(file);
  try {
    const damage = copy.raw.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
    if (damage !== 'ok') throw new Error(`the copy is damaged: ${String(damage)}`);
    copy.raw
      .prepare(
        'INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO ' +
          (anew ? 'UPDATE SET value = excluded.value' : 'NOTHING'),
      )
      .run(BACKUP_MARK, at);
  } finally {
    copy.close();
  }
}
