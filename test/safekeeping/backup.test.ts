/** Backups and what brings them back: everything that is needed is there or named, and no job runs twice. */
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Vault } from '../../src/shared/vault.ts';
import { type Ended, startErrand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { TestServer } from '../support/server.ts';

let folder: string;
let server: TestServer;
let other: TestServer | undefined;
let serviceId: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-backup-'));
  server = await TestServer.start({ executor: 'process', maxJobs: '1' });
  serviceId = await server.seedService({ 'app.txt': 'of the build\n' });
  await server.call('PUT', `/services/${serviceId}/env-vars/SECRET`, { value: 'sealed' });
});
afterEach(async () => {
  await other?.close();
  other = undefined;
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const inData = (...names: string[]): string => join(server.config.dataDir, ...names);
const errand = (...args: string[]): Promise<Ended> => startErrand(args).ended;
const backup = (...args: string[]): Promise<Ended> =>
  errand('backup', ...args, '--data-dir', server.config.dataDir);
const keyId = (file: string): string => new Vault(readFileSync(file)).keyId;

async function startOn(dataDir: string): Promise<TestServer> {
  other = await TestServer.start({ executor: 'process', maxJobs: '1', dataDir });
  return other;
}

test('a backup taken while jobs are created holds every job of some instant, and none that had not ended starts', async () => {
  const done = await server.run(serviceId, 'echo ran');
  const running = await server.createJob(serviceId, 'sleep 1000');
  await eventually(async () => (await server.job(running.id)).status === 'running', { what: 'the start' });
  const waiting = await server.createJob(serviceId, 'echo must not run');
  let stop = false;
  const load = (async () => {
    while (!stop) await server.createJob(serviceId, 'echo must not run either');
  })();
  const file = join(folder, 'copy.db');
  const answer = await backup(file);
  stop = true;
  await load;
  expect(answer).toMatchObject({ code: 0, stderr: '' });
  expect(answer.stdout).toMatch(/has the database of/);
  expect(answer.stdout).toMatch(/not in it: the artifacts that jobs run from \(--artifacts\)/);
  expect(answer.stdout).toMatch(/not in it: the output of jobs and builds \(--logs\)/);
  expect(answer.stdout).toContain(`not in it: the master key ${keyId(inData('master.key'))}: keep`);
  await server.call('POST', `/services/${serviceId}/jobs/${running.id}/cancel`);
  await server.finished(running.id);

  await server.restart(async () => {
    for (const name of ['errand.db', 'errand.db-wal', 'errand.db-shm']) rmSync(inData(name), { force: true });
    const restored = await errand('restore', file, '--fail', '--data-dir', server.config.dataDir);
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect(restored.stdout).not.toContain('still missing');
  });
  expect(await server.job(done.id)).toMatchObject({ status: 'succeeded' });
  const lost = { status: 'failed', reason: { lost: expect.stringContaining('restored from the backup of') } };
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
}, 60_000);

describe('a backup with everything', () => {
  test('brings a server back on another folder, with its builds, its output and its secrets', async () => {
    const done = await server.run(serviceId, 'echo "it printed this"');
    const waiting = await server.createJob(serviceId, 'sleep 1000; true');
    await eventually(async () => (await server.job(waiting.id)).status === 'running', { what: 'the start' });
    const next = await server.createJob(serviceId, 'cat app.txt; echo "$SECRET" | wc -c');
    const [whole, data] = [join(folder, 'whole'), join(folder, 'data')];
    const taken = await backup(whole, '--all');
    expect(taken).toMatchObject({ code: 0, stderr: '' });
    expect(taken.stdout).not.toContain('not in it');
    expect(taken.stdout).toMatch(
      /the database, 1 artifacts, output, \d+ files, the master key [0-9a-f]{8} of/,
    );
    expect(statSync(join(whole, 'master.key')).mode & 0o777).toBe(0o600);
    const tree = readdirSync(join(whole, 'artifacts'))[0]!;
    expect(statSync(join(whole, 'artifacts', tree, 'tree', 'app.txt')).uid).toBe(64_000);

    const restored = await errand('restore', whole, '--data-dir', data);
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect(restored.stdout).not.toContain('still missing');
    expect(restored.stdout).toContain('held back');
    const on = await startOn(data);
    expect(await on.job(next.id)).toMatchObject({
      status: 'pending',
      statusReason: expect.stringContaining('held'),
    });
    expect(await on.output(done.id)).toEqual(['it printed this']);
    await errand('restore', '--resume', '--data-dir', data);
    expect(await on.finished(next.id)).toMatchObject({ status: 'succeeded' });
    expect(await on.output(next.id)).toEqual(['of the build', '7']);
    expect(await on.job(waiting.id)).toMatchObject({ status: 'failed', reason: { lost: expect.anything() } });
  }, 60_000);

  test('names an artifact that is not there, and a key that opens nothing', async () => {
    const [artifact] = readdirSync(inData('artifacts'));
    rmSync(inData('artifacts', artifact!), { recursive: true });
    const key = readFileSync(inData('master.key'));
    writeFileSync(inData('master.key'), Buffer.alloc(32, 5));
    const { code, stdout } = await backup(join(folder, 'whole'), '--all');
    writeFileSync(inData('master.key'), key);
    expect(code).toBe(0);
    expect(stdout).toContain(`not in it: artifact ${artifact}`);
    expect(stdout).toMatch(
      /not in it: the master key [0-9a-f]{8}: .* is the key [0-9a-f]{8}, which opens nothing of it/,
    );
    expect(existsSync(join(folder, 'whole', 'master.key'))).toBe(false);
  });
});

test('what exists is not replaced: neither by a backup nor by a restore', async () => {
  const file = join(folder, 'there');
  writeFileSync(file, 'mine');
  expect(await backup(file)).toMatchObject({ code: 2, stderr: expect.stringContaining('exists already') });
  expect(await backup(file, '--all')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('exists already'),
  });
  expect(readFileSync(file, 'utf8')).toBe('mine');
  await backup(join(folder, 'copy.db'));
  await server.restart(async () => {
    const { code, stderr } = await errand(
      'restore',
      join(folder, 'copy.db'),
      '--data-dir',
      server.config.dataDir,
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/errand\.db is there already: a restore replaces nothing/),
    ]);
  });
  expect(await server.run(serviceId, 'echo goes on')).toMatchObject({ status: 'succeeded' });
  const nowhere = await errand('backup', join(folder, 'x'), '--data-dir', join(folder, 'misspelt'));
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no database at') });
});

describe('a backup without its key', () => {
  test('is brought back with a word about the key, and a start is refused until it is there', async () => {
    const [file, data] = [join(folder, 'copy.db'), join(folder, 'data')];
    await backup(file);
    const restored = await errand('restore', file, '--data-dir', data);
    const id = keyId(inData('master.key'));
    expect(restored.stdout).toContain(`still missing: the master key ${id}: there is no ${data}/master.key`);
    expect(restored.stdout).toMatch(/still missing: 1 artifacts, without which no job runs/);
    await expect(startOn(data)).rejects.toThrow(/the master key is missing/);
    expect(existsSync(join(data, 'master.key'))).toBe(false);
    copyFileSync(inData('master.key'), join(data, 'master.key'));
    const on = await startOn(data);
    const { body } = await on.call<{ value: string }>('GET', `/services/${serviceId}/env-vars/SECRET`);
    expect(body.value).toBe('sealed');
  }, 60_000);

  test('from before the key was changed opens with the old one, which the folder kept', async () => {
    const file = join(folder, 'copy.db');
    await backup(file);
    const old = keyId(inData('master.key'));
    await server.restart(async () => {
      await errand('rotate-key', '--data-dir', server.config.dataDir);
      for (const name of ['errand.db', 'errand.db-wal', 'errand.db-shm'])
        rmSync(inData(name), { force: true });
      const restored = await errand('restore', file, '--data-dir', server.config.dataDir);
      expect(restored.stdout).toContain(
        `still missing: the master key ${old}: ${inData('master.key')} is the key`,
      );
      const refused = TestServer.start({ executor: 'process', dataDir: server.config.dataDir });
      await expect(refused).rejects.toThrow(`${inData(`master.key.${old}`)} holds it`);
      copyFileSync(inData(`master.key.${old}`), inData('master.key'));
    });
    const { body } = await server.call<{ value: string }>('GET', `/services/${serviceId}/env-vars/SECRET`);
    expect(body.value).toBe('sealed');
  }, 60_000);
});

test('a folder that `cp` made of one that was stopped is a backup as well', async () => {
  const done = await server.run(serviceId, 'echo ran');
  const [copy, data] = [join(folder, 'copy'), join(folder, 'data')];
  const { execFileSync } = await import('node:child_process');
  await server.restart(() => void execFileSync('cp', ['-a', server.config.dataDir, copy]));
  const restored = await errand('restore', copy, '--fail', '--data-dir', data);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(restored.stdout).not.toContain('still missing');
  const on = await startOn(data);
  expect(await on.output(done.id)).toEqual(['ran']);
  expect(await on.run(serviceId, 'cat app.txt')).toMatchObject({
    status: 'succeeded',
    output: ['of the build'],
  });
});
