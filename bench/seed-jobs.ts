/** Finished jobs by direct SQL, as many as a list may have. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { newId } from '../src/shared/ids.ts';

const YEAR_US = 365 * 24 * 3600 * 1_000_000;

/** The instants between which seeded jobs were created. */
export interface Span {
  fromUs: number;
  toUs: number;
}

/** RFC 3339 with microseconds. */
export function instant(us: number): string {
  const whole = Math.floor(us / 1000);
  return new Date(whole).toISOString().replace('Z', `${String(Math.floor(us % 1000)).padStart(3, '0')}Z`);
}

/**
 * Adds `count` finished jobs, spread over a year: 97% succeeded, 2% failed, 1% canceled; some waited and ran for
 * seconds, some for hours. Copies an existing job's row, so that columns which do not matter here are right.
 * @param file the database, with at least one job of `service`
 */
export function seedJobs(file: string, service: string, count: number): Span {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA synchronous = OFF');
  const like = database.prepare('SELECT * FROM jobs WHERE service_id = ? LIMIT 1').get(service)!;
  const columns = Object.keys(like);
  const insert = database.prepare(
    `INSERT INTO jobs (${columns.join(', ')}) VALUES (${columns.map((name) => `:${name}`).join(', ')})`,
  );
  const toUs = Date.now() * 1000 - 3600 * 1_000_000;
  const fromUs = toUs - YEAR_US;
  database.exec('BEGIN');
  for (let index = 0; index < count; index += 1) {
    const createdUs = fromUs + Math.floor(((toUs - fromUs) * index) / count);
    const startedUs = createdUs + 10_000 + ((index * 7919) % 100_000) * 600;
    const finishedUs = startedUs + 20_000 + ((index * 104_729) % 100_000) * 36_000;
    const [phase, exitCode] = outcome(index);
    insert.run({
      ...like,
      id: newId('job', createdUs / 1000),
      phase,
      exit_code: exitCode,
      end_cause: phase === 'canceled' ? 'cancel' : 'exit',
      created_at: instant(createdUs),
      started_at: instant(startedUs),
      finished_at: instant(finishedUs),
      updated_at: instant(finishedUs),
    });
  }
  database.exec('COMMIT');
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  return { fromUs, toUs };
}

function outcome(index: number): ['succeeded' | 'failed' | 'canceled', number | null] {
  if (index % 100 === 50) return ['canceled', null];
  return index % 50 === 7 ? ['failed', 1] : ['succeeded', 0];
}

/** Where a server keeps its database. */
export const databaseFile = (dataDir: string): string => join(dataDir, 'errand.db');
