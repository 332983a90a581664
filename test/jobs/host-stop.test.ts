/** How jobs and builds end that a stop of the host cut short, and those that it did not. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HostStops } from '../../src/executors/host-stop.ts';
import {
  argumentsOf,
  findByArgument,
  findByEnvironment,
  signalProcess,
} from '../../src/executors/processes.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;

beforeEach(async () => {
  server = await TestServer.start({ executor: 'process', maxJobs: '2' });
  serviceId = await server.seedService();
});
afterEach(async () => server.close());

const inData = (...names: string[]): string => join(server.config.dataDir, ...names);

async function runningJob(command = 'exec sleep 1000'): Promise<string> {
  const { id } = await server.createJob(serviceId, command);
  await eventually(async () => (await server.job(id)).status === 'running', { what: `the start of ${id}` });
  await eventually(() => findByEnvironment(`ERRAND_INSTANCE_ID=${id}`).length > 0);
  return id;
}

const ended = (id: string): Promise<unknown> =>
  eventually(() => findByArgument(inData('instances', id)).length === 0, { what: `the end of ${id}` });

/** Signals everything of an instance, as a host that stops does; resolves when its end is recorded. */
async function signalAll(id: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  for (const pid of findByEnvironment(`ERRAND_INSTANCE_ID=${id}`)) signalProcess(pid, signal);
  await ended(id);
}

/** Takes what had left `pending` for the work of a boot before, while no server runs. */
function otherBoot(): void {
  const database = new DatabaseSync(inData('errand.db'));
  database.exec("UPDATE jobs SET boot_id = 'another-boot' WHERE boot_id IS NOT NULL");
  database.close();
}

const writeStop = (bootId: string, ms = Date.now()): void =>
  writeFileSync(inData('host-stop'), `${bootId} ${(ms / 1000).toFixed(3)}000000\n`);

const HOST_STOPPED = 'the host was stopped while the job ran';

describe('after a clean restart of the host', () => {
  test('a job that was signalled with everything ends by the stop of the host, and keeps code and signal', async () => {
    const id = await runningJob();
    await server.restart(async () => {
      writeStop('another-boot');
      await signalAll(id);
      otherBoot();
    });
    expect(await server.finished(id)).toMatchObject({
      status: 'failed',
      exitCode: 143,
      signal: 'SIGTERM',
      reason: { evicted: false, hostStopped: HOST_STOPPED },
    });
  });

  test('so does one that took the signal as a request and ended well', async () => {
    const id = await runningJob("trap 'exit 0' TERM; echo trapped; while :; do sleep 0.01; done");
    await eventually(async () => (await server.output(id)).length > 0);
    await server.restart(async () => {
      writeStop('another-boot');
      await signalAll(id);
      otherBoot();
    });
    expect(await server.finished(id)).toMatchObject({
      status: 'failed',
      exitCode: 0,
      reason: { hostStopped: HOST_STOPPED },
    });
  });

  test('one without a record of its end ends at the stop, and is billed no longer', async () => {
    const id = await runningJob();
    const stoppedMs = Date.now();
    await server.restart(async () => {
      writeStop('another-boot', stoppedMs);
      for (const pid of findByArgument(inData('instances', id))) signalProcess(pid, 'SIGKILL');
      await ended(id);
      otherBoot();
    });
    const job = await server.finished(id);
    expect(job).toMatchObject({
      status: 'failed',
      reason: { hostStopped: 'the host was stopped before the job ended' },
    });
    expect(job.exitCode).toBeUndefined();
    expect(Date.parse(job.finishedAt!)).toBe(stoppedMs);
  });

  test('one that ended before keeps its own end, and those that waited start, each once', async () => {
    const done = await runningJob('sleep 0.3; exit 6');
    const cut = await runningJob('echo began; exec sleep 1000');
    await eventually(async () => (await server.output(cut)).length > 0);
    const waiting = await server.createJob(serviceId, 'echo once');
    await server.restart(async () => {
      await ended(done);
      writeStop('another-boot', Date.now() + 100);
      await signalAll(cut);
      otherBoot();
    });
    expect(await server.finished(done)).toMatchObject({
      status: 'failed',
      exitCode: 6,
      reason: { nonZeroExit: 6 },
    });
    expect(await server.finished(cut)).toMatchObject({ reason: { hostStopped: HOST_STOPPED } });
    expect(await server.finished(waiting.id)).toMatchObject({ status: 'succeeded' });
    expect(await server.output(cut)).toEqual(['began']);
    expect(await server.output(waiting.id)).toEqual(['once']);
  });

  test.each([
    ['nothing says that the host was stopped', () => undefined],
    ['what says so is of another boot', () => writeStop('a-third-boot')],
    ['what says so is broken', () => writeFileSync(inData('host-stop'), 'another-boot')],
  ])('one that was signalled keeps its own end where %s', async (_, write) => {
    const id = await runningJob();
    await server.restart(async () => {
      write();
      await signalAll(id);
      otherBoot();
    });
    const { reason, ...job } = await server.finished(id);
    expect(job).toMatchObject({ status: 'failed', exitCode: 143, signal: 'SIGTERM' });
    expect(reason).toEqual({ evicted: false, nonZeroExit: 143 });
  });

  test('one that was canceled stays canceled', async () => {
    const id = await runningJob("trap '' TERM; while :; do sleep 0.01; done");
    await server.call('POST', `/services/${serviceId}/jobs/${id}/cancel`);
    await server.restart(async () => {
      writeStop('another-boot');
      await signalAll(id, 'SIGKILL');
      otherBoot();
    });
    expect(await server.finished(id)).toMatchObject({
      status: 'canceled',
      reason: { canceled: expect.anything() },
    });
  });
});

describe('while the server runs', () => {
  /** The running server asks this instead of the host's systemctl. */
  function systemctlSays(words: string): void {
    mkdirSync(inData('bin'));
    writeFileSync(inData('bin', 'systemctl'), `#!/bin/sh\necho ${words}\n`, { mode: 0o755 });
    const { context } = server.running;
    context.hostStops = new HostStops({
      dataDir: server.config.dataDir,
      bootId: context.bootId,
      systemctl: inData('bin', 'systemctl'),
    });
  }

  test('a job that a host that goes down signalled ends by the stop, and nothing is started any more', async () => {
    const first = await runningJob();
    const second = await runningJob();
    systemctlSays('Job=1877');
    await signalAll(first);
    expect(await server.finished(first)).toMatchObject({
      exitCode: 143,
      reason: { hostStopped: HOST_STOPPED },
    });
    const { id: waiting } = await server.createJob(serviceId, 'echo once');
    await signalAll(second, 'SIGKILL');
    expect(await server.finished(second)).toMatchObject({
      exitCode: 137,
      reason: { hostStopped: HOST_STOPPED },
    });
    expect(await server.job(waiting)).toMatchObject({ status: 'pending' });
    await server.restart();
    expect(await server.finished(waiting)).toMatchObject({ status: 'succeeded' });
  });

  test('a job whose scope systemd stopped while the host goes on says so', async () => {
    const id = await runningJob();
    systemctlSays('ActiveState=inactive');
    writeStop(server.running.context.bootId);
    await signalAll(id);
    expect(await server.finished(id)).toMatchObject({
      status: 'failed',
      reason: { hostStopped: 'systemd was told to stop the scope that holds all jobs while the job ran' },
    });
  });

  test('a job that ended by a signal of its own keeps that end', async () => {
    systemctlSays('ActiveState=inactive');
    const id = await runningJob();
    await signalAll(id);
    const { reason } = await server.finished(id);
    expect(reason).toEqual({ evicted: false, nonZeroExit: 143 });
  });
});

describe('a build that the host stopped', () => {
  let repository: GitRepository;
  beforeEach(() => {
    repository = new GitRepository({ 'app.txt': 'from git\n' });
  });
  afterEach(() => repository.remove());

  test.each([
    ['with a record of its end', 'SIGTERM'],
    ['without one', 'SIGKILL'],
  ] as const)('fails with that reason, %s', async (_, signal) => {
    const { body } = await server.call<{ service: { id: string }; deployId: string }>('POST', '/services', {
      type: 'background_worker',
      name: 'stopped',
      ownerId: await server.workspaceId(),
      repo: repository.path,
      branch: 'main',
      serviceDetails: {
        runtime: 'python',
        envSpecificDetails: { buildCommand: 'exec sleep 1000', startCommand: 'true' },
      },
    });
    const { deployId } = body;
    const isBuilding = (pid: number): boolean => argumentsOf(pid)?.[0] === 'sleep';
    await eventually(() => findByEnvironment(`ERRAND_INSTANCE_ID=${deployId}`).some(isBuilding));
    await server.restart(async () => {
      writeStop('another-boot');
      if (signal === 'SIGKILL') {
        for (const pid of findByArgument(inData('instances', deployId))) signalProcess(pid, signal);
      }
      await signalAll(deployId);
    });
    const path = `/services/${body.service.id}/deploys/${deployId}`;
    await eventually(
      async () => (await server.call<{ status: string }>('GET', path)).body.status === 'build_failed',
      { withinMs: 20_000, what: 'the end of the build' },
    );
    const database = new DatabaseSync(inData('errand.db'), { readOnly: true });
    const row = database.prepare('SELECT failure FROM deploys WHERE id = ?').get(deployId);
    database.close();
    expect(row).toEqual({
      failure: 'the host was stopped while the build command ran: deploy again',
    });
  });
});
