/** Copies of a data folder: whatever way they were made, nothing of them runs until somebody says so. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServeFlags } from '../../src/config.ts';
import { instanceProcesses } from '../../torture/leftovers.ts';
import { type Ended, startErrand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { TestServer } from '../support/server.ts';

let folder: string;
let server: TestServer;
let other: TestServer | undefined;
let serviceId: string;

async function start(flags: ServeFlags = {}): Promise<void> {
  server = await TestServer.start({ executor: 'process', maxJobs: '1', ...flags });
  serviceId = await server.seedService({}, { details: JSON.stringify({ maxShutdownDelaySeconds: 1 }) });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-copies-'));
});
afterEach(async () => {
  await other?.close();
  other = undefined;
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Every run of the command leaves a line there. */
const runs = (): string[] => {
  const file = join(folder, 'runs');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};
const leavesTrace = (name: string): string => `echo ${name} >> ${join(folder, 'runs')}`;

interface Work {
  running: string;
  waiting: string;
}

/** One job that runs and one that waits for its end. */
async function startWork(): Promise<Work> {
  const running = await server.createJob(serviceId, `${leavesTrace('running')}; sleep 1000`);
  await eventually(async () => (await server.job(running.id)).status === 'running', { what: 'the start' });
  const waiting = await server.createJob(serviceId, leavesTrace('waiting'));
  return { running: running.id, waiting: waiting.id };
}

const inData = (...names: string[]): string => join(server.config.dataDir, ...names);
const copyFolder = (to: string): void => void execFileSync('cp', ['-a', server.config.dataDir, to]);
const errand = (...args: string[]): Promise<Ended> => startErrand(args).ended;

async function startOn(dataDir: string, flags: ServeFlags = {}): Promise<TestServer> {
  other = await TestServer.start({ executor: 'process', maxJobs: '1', dataDir, ...flags });
  return other;
}

/** Everything that has a loop had its chance. */
async function expectHeld(on: TestServer, { running, waiting }: Work, why: RegExp): Promise<void> {
  expect(on.logLines.join('')).toMatch(
    /THE DATA FOLDER IS A COPY: nothing that waits in it starts until you say so/,
  );
  const refused = await on.call<{ message: string; code: string }>('POST', `/services/${serviceId}/jobs`, {
    startCommand: 'true',
  });
  expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
  expect(refused.body.message).toMatch(/data folder is a copy .* `errand restore --resume` starts it/);
  await passedLoops(on);
  for (const [id, status] of [
    [running, 'running'],
    [waiting, 'pending'],
  ]) {
    const job = await on.job(id!);
    expect(job).toMatchObject({ status, statusReason: expect.stringMatching(/is held back, because/) });
    expect(job.statusReason).toMatch(why);
  }
  expect(runs()).toEqual(['running']);
}

/** The loops of dispatching and reconciling have a pass at least each three seconds. */
async function passedLoops(on: TestServer): Promise<void> {
  const since = performance.now();
  await eventually(
    async () => (await on.call('GET', '/owners')).status === 200 && performance.now() - since > 4500,
    {
      what: 'the loops',
    },
  );
}

const lost = { status: 'failed', reason: { lost: expect.stringMatching(/data folder is a copy/) } };

describe('a folder that was copied', () => {
  test('from under a running server starts nothing; `restore --fail` ends what it holds and leaves the other alone', async () => {
    await start();
    const work = await startWork();
    const copy = join(folder, 'copy');
    copyFolder(copy);
    const on = await startOn(copy);
    await expectHeld(on, work, /it was copied from .*errand-test-/);
    expect(await errand('restore', '--fail', '--data-dir', copy)).toMatchObject({ code: 0, stderr: '' });
    expect(await on.finished(work.running)).toMatchObject(lost);
    expect(await on.finished(work.waiting)).toMatchObject(lost);
    await passedLoops(on);
    // The first one's work is its own.
    expect((await server.job(work.running)).status).toBe('running');
    expect(instanceProcesses(work.running).length).toBeGreaterThan(0);
    await server.call('POST', `/services/${serviceId}/jobs/${work.running}/cancel`);
    expect(await server.finished(work.waiting)).toMatchObject({ status: 'succeeded' });
    expect(runs()).toEqual(['running', 'waiting']);
    // From here on the copy is a folder like any other.
    await on.restart();
    expect(await on.run(serviceId, leavesTrace('new'))).toMatchObject({ status: 'succeeded' });
  }, 60_000);

  test('while its server was stopped starts nothing either; `restore --resume` before the first start lets it go on', async () => {
    await start();
    const work = await startWork();
    const copy = join(folder, 'copy');
    await server.restart(() => copyFolder(copy));
    await server.call('POST', `/services/${serviceId}/jobs/${work.waiting}/cancel`);
    const said = await errand('restore', '--resume', '--data-dir', copy);
    expect(said).toMatchObject({ code: 0, stdout: expect.stringContaining('goes on') });
    const on = await startOn(copy);
    expect(await on.finished(work.waiting)).toMatchObject({ status: 'succeeded' });
    const ended = await on.job(work.running);
    expect(ended).toMatchObject(lost);
    // What nobody saw is not billed.
    expect(ended.finishedAt! <= ended.startedAt!).toBe(true);
    expect(runs()).toEqual(['running', 'waiting']);
    expect(instanceProcesses(work.running).length).toBeGreaterThan(0);
  }, 60_000);

  test('says so again after each restart, and what was said of one copy does not hold for a copy of it', async () => {
    await start();
    const work = await startWork();
    const [copy, second] = [join(folder, 'copy'), join(folder, 'second')];
    copyFolder(copy);
    const on = await startOn(copy);
    await on.restart();
    await expectHeld(on, work, /it was copied from/);
    await on.restart(async () => {
      await errand('restore', '--resume', '--data-dir', copy);
      execFileSync('cp', ['-a', copy, second]);
      await errand('restore', '--fail', '--data-dir', copy);
    });
    expect(await on.finished(work.waiting)).toMatchObject(lost);
    await on.close();
    await expectHeld(await startOn(second), work, /it was copied from/);
  }, 60_000);

  test('and whose instances are containers does not end those of the other', async () => {
    await start({ executor: 'local', maxJobs: '3' });
    const { id } = await server.createJob(serviceId, 'echo began; sleep 1000');
    await eventually(async () => (await server.job(id)).status === 'running', { what: 'the start' });
    const copy = join(folder, 'copy');
    copyFolder(copy);
    const on = await startOn(copy, { executor: 'local' });
    await errand('restore', '--fail', '--data-dir', copy);
    expect(await on.finished(id)).toMatchObject(lost);
    await passedLoops(on);
    await on.running.stop();
    expect(instanceProcesses(id).length).toBeGreaterThan(0);
    expect(await server.job(id)).toMatchObject({ status: 'running' });
    // What is kept ready for the next one is there as well.
    expect(await server.run(serviceId, 'echo next')).toMatchObject({ status: 'succeeded', output: ['next'] });
    await on.restart();
  }, 60_000);
});

test('a copy in which nothing waits or runs goes on like any other folder', async () => {
  await start();
  await server.run(serviceId, 'echo ran');
  await eventually(() => readdirSync(inData('instances')).length === 0, {
    what: 'the removal of the instance',
  });
  const copy = join(folder, 'copy');
  copyFolder(copy);
  const on = await startOn(copy);
  expect(on.logLines.join('')).not.toContain('IS A COPY');
  expect(await on.run(serviceId, leavesTrace('new'))).toMatchObject({ status: 'succeeded' });
});

test('a run of a cron job that waited in a copy does not start after `restore --fail`', async () => {
  await start({ maxJobs: '3' });
  const details = {
    runtime: 'node',
    schedule: '0 4 * * *',
    envSpecificDetails: { startCommand: `trap '' TERM; ${leavesTrace('run')}; while :; do sleep 0.1; done` },
  };
  const cron = await server.seedService({}, { type: 'cron_job', details: JSON.stringify(details) });
  const trigger = (): ReturnType<TestServer['call']> => server.call('POST', `/cron-jobs/${cron}/runs`);
  await trigger();
  await eventually(() => runs().length === 1, { what: 'the first run' });
  expect((await trigger()).body).toMatchObject({ statusReason: 'waits for the end of the run before' });
  const copy = join(folder, 'copy');
  copyFolder(copy);
  const on = await startOn(copy);
  expect((await on.call('POST', `/cron-jobs/${cron}/runs`)).status).toBe(503);
  await errand('restore', '--fail', '--data-dir', copy);
  await eventually(() => on.running.context.hold.held === undefined, { what: 'the decision' });
  const states = await on.running.context.database.read.selectFrom('cron_runs').select('state').execute();
  expect(states).toEqual([{ state: 'ended' }, { state: 'ended' }]);
}, 60_000);

describe('the folder itself goes on', () => {
  test('after restarts, after it was moved within its file system, and through another mount of it', async () => {
    await start();
    await server.restart();
    const moved = join(folder, 'moved');
    await server.running.stop();
    renameSync(server.config.dataDir, moved);
    const on = await startOn(moved);
    expect(on.logLines.join('')).not.toContain('IS A COPY');
    expect(await on.run(serviceId, leavesTrace('here'))).toMatchObject({ status: 'succeeded' });
    await on.running.stop();
    execFileSync('mkdir', [server.config.dataDir]);
    execFileSync('mount', ['--bind', moved, server.config.dataDir]);
    try {
      await server.restart(() => undefined).catch(() => undefined);
      expect(server.logLines.join('')).not.toContain('IS A COPY');
      await server.running.stop();
    } finally {
      execFileSync('umount', [server.config.dataDir]);
    }
    await server.restart();
    await on.restart();
  }, 60_000);

  test('after an upgrade from a server that kept no identity', async () => {
    await start();
    const work = await startWork();
    await server.restart(async () => {
      rmSync(inData('identity'));
      const { changeSettings } = await import('../../src/db/change-settings.ts');
      const { DatabaseSync } = await import('node:sqlite');
      expect(changeSettings(inData('errand.db'), ({ get }) => get('folder_tokens'))).toBeDefined();
      const database = new DatabaseSync(inData('errand.db'));
      database.exec("DELETE FROM settings WHERE name = 'folder_tokens'");
      database.close();
    });
    await server.call('POST', `/services/${serviceId}/jobs/${work.running}/cancel`);
    expect(await server.finished(work.waiting)).toMatchObject({ status: 'succeeded' });
  });
});

describe('other signs of a copy', () => {
  test('an earlier database in the place of the present one', async () => {
    await start();
    const work = await startWork();
    const names = ['errand.db', 'errand.db-wal'];
    await server.restart(() => {
      for (const name of names) if (existsSync(inData(name))) copyFileSync(inData(name), join(folder, name));
    });
    await server.restart(() => {
      for (const name of [...names, 'errand.db-shm']) rmSync(inData(name), { force: true });
      for (const name of names)
        if (existsSync(join(folder, name))) copyFileSync(join(folder, name), inData(name));
    });
    await expectHeld(server, work, /an earlier one was put in its place/);
    // Its instances are here: what runs is followed.
    await errand('restore', '--resume', '--data-dir', server.config.dataDir);
    await eventually(async () => (await server.job(work.running)).statusReason === undefined);
    await server.call('POST', `/services/${serviceId}/jobs/${work.running}/cancel`);
    expect(await server.finished(work.running)).toMatchObject({ status: 'canceled' });
    expect(await server.finished(work.waiting)).toMatchObject({ status: 'succeeded' });
    expect(runs()).toEqual(['running', 'waiting']);
  }, 60_000);

  test('another machine', async () => {
    await start();
    const work = await startWork();
    await server.restart(() => {
      const file = inData('identity');
      const said = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify({ ...said, machine: 'f'.repeat(32) }));
    });
    await expectHeld(server, work, /used on the machine f{32} last/);
  }, 60_000);

  test('no identity at all, as the operator of a cloned machine leaves it', async () => {
    await start();
    const work = await startWork();
    await server.restart(() => rmSync(inData('identity')));
    await expectHeld(server, work, /lacks the file "identity"/);
  }, 60_000);

  test('a database that is missing where one was is refused, and none is made', async () => {
    await start();
    const aside = join(folder, 'errand.db');
    let failure: unknown;
    await server
      .restart(() => renameSync(inData('errand.db'), aside))
      .catch((error: unknown) => {
        failure = error;
      });
    expect(String(failure)).toMatch(
      /was in use, and its database errand\.db is missing: nothing was started/,
    );
    expect(existsSync(inData('errand.db'))).toBe(false);
    renameSync(aside, inData('errand.db'));
    await server.restart();
  });
});

test('`restore` says what is wrong with what it is asked', async () => {
  await start();
  const at = ['--data-dir', server.config.dataDir];
  const refusals = await Promise.all([
    errand('restore', ...at),
    errand('restore', '--resume', '--fail', ...at),
    errand('restore', '--resume', ...at),
    errand('restore', join(folder, 'none'), '--data-dir', join(folder, 'new')),
    errand('restore', inData('errand.db'), ...at),
    errand('restore', '--fail', '--data-dir', join(folder, 'misspelt')),
  ]);
  expect(refusals.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2]);
  expect(refusals.map(({ stderr }) => stderr)).toEqual([
    expect.stringContaining('name a backup, or say --resume or --fail'),
    expect.stringContaining('exclude each other'),
    expect.stringContaining('nothing is held back in'),
    expect.stringContaining('there is no backup at'),
    expect.stringContaining('another server uses the data folder'),
    expect.stringContaining('there is no database at'),
  ]);
  expect(readdirSync(folder)).toEqual([]);
});
