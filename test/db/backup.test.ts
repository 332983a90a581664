import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyDatabase } from '../../src/db/backup.ts';
import { DamagedDatabaseError, openDatabase } from '../../src/db/open.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-backup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a backup', () => {
  test('does not replace a file, and says where there is no database', async () => {
    const file = join(folder, 'errand.db');
    await (await openDatabase(file)).close();
    const there = join(folder, 'there.db');
    writeFileSync(there, 'mine');
    expect(() => copyDatabase(file, there, '2026-01-01T00:00:00.000000Z')).toThrow(/exists already/);
    expect(readFileSync(there, 'utf8')).toBe('mine');
    expect(() => copyDatabase(join(folder, 'none.db'), join(folder, 'copy.db'), 'x')).toThrow(
      /no database at/,
    );
  });
});

describe('a damaged database is refused, with the way to repair it', () => {
  const damages: Record<string, (file: string) => void> = {
    'another kind of file': (file) =>
      writeFileSync(file, 'this is no database, whatever its name says. '.repeat(100)),
    'a page of rubbish': (file) => {
      const bytes = readFileSync(file);
      bytes.fill(0xa5, 4096, 8192);
      writeFileSync(file, bytes);
    },
    'a missing half': (file) => truncateSync(file, Math.floor(statSync(file).size / 2 / 4096) * 4096),
  };
  test.each(Object.entries(damages))('%s', async (_what, damage) => {
    const file = join(folder, 'errand.db');
    await (await openDatabase(file)).close();
    // Everything into the one file.
    const raw = new DatabaseSync(file);
    raw.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    raw.close();
    damage(file);
    const error = await openDatabase(file).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DamagedDatabaseError);
    expect((error as Error).message).toMatch(/is damaged .* nothing was started\. Put a backup in its place/);
  });
});
