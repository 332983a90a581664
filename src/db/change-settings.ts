/** Settings of a database file that a server may have open, changed by another process without touching anything else. */
import { NodeSqlite } from './sqlite-driver.ts';

export interface Settings {
  get(name: string): string | undefined;
  put(name: string, value: string): void;
}

/** Runs `work` in a transaction. @throws what `work` throws, and nothing is changed then */
export function changeSettings<T>(file: string, work: (settings: Settings) => T): T {
  const database = new NodeSqlite(file);
  const { raw } = database;
  try {
    // The server itself copies its log, and counts on being the only one.
    raw.exec('PRAGMA wal_autocheckpoint = 0');
    raw.exec('BEGIN IMMEDIATE');
    const result = work({
      get: (name) => {
        const value = raw.prepare('SELECT value FROM settings WHERE name = ?').get(name)?.['value'];
        return value === undefined ? undefined : String(value);
      },
      put: (name, value) => {
        raw
          .prepare(
            'INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
          )
          .run(name, value);
      },
    });
    raw.exec('COMMIT');
    return result;
  } finally {
    // What was not committed is undone with it.
    database.close();
  }
}
