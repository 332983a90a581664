/** SIGKILLs at full write load on the database: every acknowledged write must be there, and the file sound. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Random } from './random.ts';
import type { Violations } from './verdict.ts';

const WRITER = fileURLToPath(new URL('./database-writer.ts', import.meta.url));
const LONGEST_LOAD_MS = 60;
/** Rows are looked at and removed now and then: an ever larger file would make the later kills different ones. */
const CLEAR_EVERY = 50;

export interface DatabaseCounts {
  kills: number;
  acknowledged: number;
  missing: number;
}

/** Kills a writer `count` times. */
export async function killDatabaseWriters(options: {
  count: number;
  seed: number;
  progress?: (text: string) => void;
}): Promise<{ counts: DatabaseCounts; violations: Violations }> {
  const random = new Random(options.seed);
  const folder = mkdtempSync(join(tmpdir(), 'errand-torture-'));
  const file = join(folder, 'errand.db');
  const counts: DatabaseCounts = { kills: 0, acknowledged: 0, missing: 0 };
  const violations: Violations = new Map();
  const note = (kind: string, what: string): void => {
    violations.set(kind, [...(violations.get(kind) ?? []), what]);
  };
  try {
    for (let run = 1; run <= options.count; run += 1) {
      const acknowledged = await writeUntilKilled(file, String(run), random.between(0, LONGEST_LOAD_MS));
      counts.kills += 1;
      counts.acknowledged += acknowledged.length;
      const { damage, missing } = look(file, acknowledged, run % CLEAR_EVERY === 0);
      counts.missing += missing.length;
      for (const name of missing) note('acknowledged and gone', name);
      if (damage !== 'ok') note('damage', `after kill ${run}: ${damage}`);
      if (run % 100 === 0) options.progress?.(`${run} kills, ${counts.acknowledged} acknowledged writes`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { counts, violations };
}

/** @returns the writes that were acknowledged before the process died */
async function writeUntilKilled(file: string, run: string, loadMs: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WRITER, file, run], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const killAtExit = (): boolean => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  let said = '';
  let isReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    isReady();
  });
  const closed = once(child, 'close');
  await Promise.race([ready, closed]);
  await delay(loadMs);
  child.kill('SIGKILL');
  await closed;
  process.removeListener('exit', killAtExit);
  // What follows the last line end was cut off: half a name is no acknowledgement.
  const lines = said.split('\n').slice(0, -1);
  if (lines.shift() !== 'ready') throw new Error('the writer did not start');
  return lines;
}

function look(file: string, acknowledged: string[], clear: boolean): { damage: string; missing: string[] } {
  const database = new DatabaseSync(file);
  try {
    const damage = String(database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check']);
    const find = database.prepare('SELECT 1 FROM settings WHERE name = ?');
    const missing = acknowledged.filter((name) => find.get(name) === undefined);
    if (clear) database.exec('DELETE FROM settings');
    return { damage, missing };
  } finally {
    database.close();
  }
}
