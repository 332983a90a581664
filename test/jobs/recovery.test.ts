/** What a start makes of what it finds: hosts that were restarted, strangers, and the two kinds of half a job. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findByArgument } from '../../src/executors/processes.ts';
import { formatMicros } from '../../src/shared/clock.ts';
import { newId } from '../../src/shared/ids.ts';
import { instanceProcesses, runtimeFolders, supervisorsOf } from '../../torture/leftovers.ts';
import { eventually } from '../support/eventually.ts';
import { patient } from '../support/patience.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;
let stranger: ChildProcess | undefined;

beforeEach(async () => {
  server = await TestServer.start();
  serviceId = await server.seedService({}, { details: JSON.stringify({ maxShutdownDelaySeconds: 1 }) });
});
afterEach(async () => {
  stranger?.kill('SIGKILL');
  stranger = undefined;
  await server.close();
});

const inData = (...names: string[]): string => join(server.config.dataDir, ...names);

async function runningJob(command = 'sleep 1000'): Promise<string> {
  const { id } = await server.createJob(serviceId, command);
  await eventually(async () => (await server.job(id)).status === 'running', { what: `the start of ${id}` });
  return id;
}

/** A command that ends with a code when it is told to, and not before, however slow the machine is. */
const endsWhenTold = (code: number): string => `trap 'exit ${code}' USR1; while :; do sleep 0.05; done`;

function tellToEnd(id: string): Promise<true> {
  for (const pid of instanceProcesses(id)) process.kill(pid, 'SIGUSR1');
  return endedSupervisor(id);
}

/** Changes rows while no server runs. */
function change(sql: string, ...values: string[]): void {
  const database = new DatabaseSync(inData('errand.db'));
  database.prepare(sql).run(...values);
  database.close();
}

const endedSupervisor = (id: string): Promise<true> =>
  eventually(() => supervisorsOf(server.config.dataDir, id).length === 0, {
    what: 'the end of the supervisor',
  });

describe('after a restart of the host', () => {
  const otherBoot = (id: string): void => change("UPDATE jobs SET boot_id = 'another boot' WHERE id = ?", id);

  test('a job that had not ended is lost', async () => {
    const id = await runningJob();
    await server.restart(() => otherBoot(id));
    expect(await server.finished(id)).toMatchObject({
      status: 'failed',
      reason: { lost: expect.stringContaining('host was restarted') },
    });
    expect(instanceProcesses(id)).toEqual([]);
  });

  test('a job whose exit was recorded keeps it', async () => {
    const id = await runningJob(endsWhenTold(6));
    await server.restart(async () => {
      await tellToEnd(id);
      otherBoot(id);
    });
    expect(await server.finished(id)).toMatchObject({ status: 'failed', exitCode: 6 });
  });

  test('an exit record that a loss of power left empty is no exit, least of all a success', async () => {
    const id = await runningJob(endsWhenTold(0));
    const name = readFileSync(inData('instances', id, 'supervisor', 'name'), 'utf8');
    await server.restart(async () => {
      await tellToEnd(id);
      writeFileSync(inData('exits', name), '');
      // What lay in memory is gone after a restart of the host.
      for (const folder of runtimeFolders(server.config.dataDir)) {
        rmSync(join(folder, 'bundles', name), { recursive: true, force: true });
      }
      otherBoot(id);
    });
    expect(await server.finished(id)).toMatchObject({
      status: 'failed',
      reason: { lost: expect.anything() },
    });
  });
});

test('a stranger that has the process id of a supervisor now is neither followed nor touched', async () => {
  const id = await runningJob();
  stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const [supervisor] = supervisorsOf(server.config.dataDir, id);
  await server.restart(async () => {
    process.kill(supervisor!, 'SIGKILL');
    await endedSupervisor(id);
    writeFileSync(inData('instances', id, 'supervisor', 'supervisor.pid'), String(stranger!.pid));
  });
  expect(await server.finished(id)).toMatchObject({ status: 'failed', reason: { lost: expect.anything() } });
  expect(instanceProcesses(id)).toEqual([]);
  expect(stranger.exitCode).toBeNull();
  expect(stranger.signalCode).toBeNull();
});

test('an instance that no record wants is removed; what is not of the form of one is left alone', async () => {
  const orphan = newId('job');
  const foreign = inData('instances', 'not-ours');
  await server.restart(() => {
    mkdirSync(inData('instances', orphan));
    mkdirSync(foreign);
  });
  await eventually(() => !existsSync(inData('instances', orphan)), { what: 'the removal' });
  expect(existsSync(foreign)).toBe(true);
});

test('an instance whose job is final is ended and removed', async () => {
  const id = await runningJob();
  await server.restart(() => {
    change(
      "UPDATE jobs SET phase = 'failed', finished_at = ?, end_cause = 'lost' WHERE id = ?",
      formatMicros(Date.now() * 1000),
      id,
    );
  });
  await eventually(() => !existsSync(inData('instances', id)), { what: 'the removal' });
  expect(instanceProcesses(id)).toEqual([]);
  expect(await server.job(id)).toMatchObject({ status: 'failed' });
});

describe('a job without an instance', () => {
  test('is lost when it had started', async () => {
    const id = await runningJob(endsWhenTold(0));
    await server.restart(async () => {
      await tellToEnd(id);
      rmSync(inData('instances', id), { recursive: true });
    });
    expect(await server.finished(id)).toMatchObject({
      status: 'failed',
      reason: { lost: expect.stringContaining('gone') },
    });
  });

  test('starts when it had not', async () => {
    const { id } = await server.createJob(serviceId, 'echo once');
    const done = await server.finished(id);
    await server.restart(() => {
      // As a crash after the intent leaves it.
      change('DELETE FROM usage_records WHERE job_id = ?', id);
      change(
        "UPDATE jobs SET phase = 'starting', finished_at = NULL, started_at = NULL, exit_code = NULL, end_cause = NULL WHERE id = ?",
        id,
      );
    });
    const again = await server.finished(id);
    expect(again).toMatchObject({ status: 'succeeded', exitCode: 0 });
    expect(again.startedAt! > done.startedAt!).toBe(true);
  });
});

test('an instance that was interrupted while it was removed, down to its ticket, does not keep its job from its end', async () => {
  const id = await runningJob();
  const [supervisor] = supervisorsOf(server.config.dataDir, id);
  await server.restart(async () => {
    for (const pid of [supervisor!, ...instanceProcesses(id)]) process.kill(pid, 'SIGKILL');
    await endedSupervisor(id);
    rmSync(inData('instances', id, 'ticket'), { recursive: true });
  });
  expect(await server.finished(id)).toMatchObject({ status: 'failed', reason: { lost: expect.anything() } });
});

test('a server that stops answers the creations it has taken, and each of those exists', async () => {
  const asked = Array.from({ length: 100 }, () =>
    server
      .call<{ id: string }>('POST', `/services/${serviceId}/jobs`, { startCommand: 'true' })
      .catch(() => undefined),
  );
  await Promise.any(asked);
  await server.restart();
  const answers = (await Promise.all(asked)).filter((answer) => answer !== undefined);
  expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
  for (const { body } of answers) expect((await server.finished(body.id)).status).toBe('succeeded');
});

test('jobs whose supervisors were not started when the shell that starts them ended are started later, once', {
  timeout: patient(60_000),
}, async () => {
  await server.finished(await server.createJob(serviceId, 'true').then(({ id }) => id));
  const shell = await eventually(
    () =>
      runtimeFolders(server.config.dataDir).flatMap((folder) => findByArgument(join(folder, 'bundles')))[0],
  );
  process.kill(shell, 'SIGSTOP');
  const jobs = await Promise.all(
    Array.from({ length: 12 }, (_, index) => server.createJob(serviceId, `echo number ${index}`)),
  );
  // More than were ready: some wait for a supervisor that the shell has yet to start.
  await eventually(() =>
    readdirSync(inData('instances')).some(
      (id) => !existsSync(inData('instances', id, 'supervisor', 'supervisor.pid')),
    ),
  );
  process.kill(shell, 'SIGKILL');
  for (const [index, { id }] of jobs.entries()) {
    expect(await server.finished(id)).toMatchObject({ status: 'succeeded' });
    expect(await server.output(id)).toEqual([`number ${index}`]);
  }
});
