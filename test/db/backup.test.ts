import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyDatabase } from '../../src/db/backup.ts';
import { DamagedDatabaseError, openDatabase } from '../../src/db/open.ts';
import { startErrand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { TestServer } from '../support/server.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-backup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a backup', () => {
  test('taken while jobs are created holds every job of some instant, and those that had not ended start nowhere', async () => {
    const server = await TestServer.start({ maxJobs: '1' });
    try {
      const serviceId = await server.seedService();
      const done = await server.run(serviceId, 'echo ran');
      const running = await server.createJob(serviceId, 'sleep 1000');
      await eventually(async () => (await server.job(running.id)).status === 'running', {
        what: 'the start',
      });
      const waiting = await server.createJob(serviceId, 'echo must not run');
      let stop = false;
      const load = (async () => {
        while (!stop) await server.createJob(serviceId, 'echo must not run either');
      })();
      const file = join(folder, 'copy.db');
      const answer = await startErrand(['backup', file, '--data-dir', server.config.dataDir]).ended;
      stop = true;
      await load;
      expect(answer).toMatchObject({ code: 0, stderr: '' });
      expect((await server.call('POST', `/services/${serviceId}/jobs/${running.id}/cancel`)).status).toBe(
        200,
      );
      await server.finished(running.id);

      const inData = (name: string): string => join(server.config.dataDir, name);
      await server.restart(() => {
        for (const name of ['errand.db-wal', 'errand.db-shm']) rmSync(inData(name), { force: true });
        copyFileSync(file, inData('errand.db'));
      });

      expect(await server.job(done.id)).toMatchObject({ status: 'succeeded' });
      const lost = { status: 'failed', reason: { lost: expect.stringContaining('restored from a backup') } };
      expect(await server.job(running.id)).toMatchObject(lost);
      expect(await server.job(waiting.id)).toMatchObject(lost);
      const { body } = await server.call<{ job: { status: string } }[]>(
        'GET',
        `/services/${serviceId}/jobs?status=pending&status=running&limit=100`,
      );
      expect(body).toEqual([]);
      expect(await server.output(waiting.id)).toEqual([]);
      // From here on it is a server like any other, also after another start.
      await server.restart();
      expect(await server.run(serviceId, 'echo new')).toMatchObject({ status: 'succeeded', output: ['new'] });
    } finally {
      await server.close();
    }
  });

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
