/** The queue: what starts when, on a server with room for four small jobs. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startErrand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { ADMIN_KEY, TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;

beforeEach(async () => {
  server = await TestServer.start({ maxMemory: '2GB' });
  serviceId = await server.seedService({}, { details: JSON.stringify({ maxShutdownDelaySeconds: 1 }) });
});
afterEach(async () => server.close());

/** Ids in the order in which the dispatcher took them. */
async function dispatched(): Promise<string[]> {
  const rows = await server.running.context.database.read
    .selectFrom('job_transitions')
    .select('job_id')
    .where('event', '=', 'dispatch')
    .orderBy('at')
    .execute();
  return rows.map(({ job_id }) => job_id);
}

/** How many of the jobs ran at the same time at most. */
function mostAtOnce(jobs: { startedAt?: string; finishedAt?: string }[]): number {
  const changes = jobs.flatMap(({ startedAt, finishedAt }) => [
    { at: startedAt!, by: 1 },
    { at: finishedAt!, by: -1 },
  ]);
  // An end and a start at one instant: the end came first.
  changes.sort((a, b) => (a.at === b.at ? a.by - b.by : a.at < b.at ? -1 : 1));
  let now = 0;
  return Math.max(...changes.map(({ by }) => (now += by)));
}

describe('40 jobs of 512 MB on a limit of 2 GB', () => {
  test('run four at a time, in order, and all end', async () => {
    const created: string[] = [];
    for (let n = 0; n < 40; n += 1) created.push((await server.createJob(serviceId, 'sleep 0.3')).id);
    const jobs = await Promise.all(created.map((id) => server.finished(id, 60_000)));
    expect(jobs.every(({ status }) => status === 'succeeded')).toBe(true);
    expect(await dispatched()).toEqual(created);
    expect(mostAtOnce(jobs)).toBe(4);
  });

  test('run four at a time over a restart as well', async () => {
    const created: string[] = [];
    for (let n = 0; n < 16; n += 1) created.push((await server.createJob(serviceId, 'sleep 0.6')).id);
    await eventually(async () => (await server.job(created[1]!)).status !== 'pending', { what: 'the start' });
    await server.restart();
    const jobs = await Promise.all(created.map((id) => server.finished(id, 60_000)));
    expect(jobs.every(({ status }) => status === 'succeeded')).toBe(true);
    expect(mostAtOnce(jobs)).toBe(4);
  });
});

test('a big job is not starved by small ones that came after it', async () => {
  const small = await server.createJob(serviceId, 'sleep 1');
  // Pro and Standard have 2 GB: all there is.
  const big = await server.createJob(serviceId, 'true', { planId: 'standard' });
  const later = await Promise.all([1, 2, 3].map(() => server.createJob(serviceId, 'true')));
  await Promise.all([big, ...later].map(({ id }) => server.finished(id)));
  const order = await dispatched();
  expect(order.slice(0, 2)).toEqual([small.id, big.id]);
  expect((await server.job(big.id)).startedAt! >= (await server.job(small.id)).finishedAt!).toBe(true);
});

test('an instance type that is larger than the server is refused at creation, with both sizes', async () => {
  const answer = await server.call<{ message: string }>('POST', `/services/${serviceId}/jobs`, {
    startCommand: 'true',
    planId: 'pro',
  });
  expect(answer.status).toBe(400);
  expect(answer.body.message).toMatch(/needs 4096 MB .* gives its jobs 2048 MB .*choose a smaller planId/);
});

test('a job that is canceled while it waits never starts, and those behind it move up', async () => {
  const running = await Promise.all([1, 2, 3, 4].map(() => server.createJob(serviceId, 'sleep 1')));
  const waiting = await server.createJob(serviceId, 'echo ran');
  const behind = await server.createJob(serviceId, 'true');
  const canceled = await server.call('POST', `/services/${serviceId}/jobs/${waiting.id}/cancel`);
  expect(canceled.body).toMatchObject({ status: 'canceled' });
  await Promise.all([...running, behind].map(({ id }) => server.finished(id)));
  expect(await dispatched()).not.toContain(waiting.id);
  const job = await server.job(waiting.id);
  expect(job.startedAt).toBeUndefined();
  expect(await server.output(waiting.id)).toEqual([]);
});

describe('jobs that wait', () => {
  test('say what they wait for, and at which place', async () => {
    const big = await server.createJob(serviceId, 'sleep 1000', { planId: 'standard' });
    await eventually(async () => (await server.job(big.id)).status === 'running', { what: 'the start' });
    const [first, second, third] = [
      await server.createJob(serviceId, 'true'),
      await server.createJob(serviceId, 'true'),
      await server.createJob(serviceId, 'true'),
    ];
    expect(await server.job(first.id)).toMatchObject({
      queuePlace: 1,
      statusReason:
        'waits for memory: it needs 512 MB, and running jobs leave 0 MB of 2048 MB (--max-memory)',
    });
    expect(await server.job(second.id)).toMatchObject({ queuePlace: 2, statusReason: '1 job is before it' });
    const { body } = await server.call<{ job: { id: string; queuePlace?: number } }[]>(
      'GET',
      `/services/${serviceId}/jobs?limit=10`,
    );
    expect(body.map(({ job }) => [job.id, job.queuePlace])).toEqual([
      [third.id, 3],
      [second.id, 2],
      [first.id, 1],
      [big.id, undefined],
    ]);
    const shown = await startErrand(['jobs', 'show', second.id], environment()).ended;
    expect(shown.stdout).toMatch(/place in queue +2\n.*why +1 job is before it/);
    const listed = await startErrand(['jobs', 'list', serviceId], environment()).ended;
    expect(listed.stdout).toMatch(new RegExp(`${third.id} +pending \\(3\\.\\)`));
    await server.call('POST', `/services/${serviceId}/jobs/${big.id}/cancel`);
    const done = await server.finished(first.id);
    expect(done).not.toHaveProperty('statusReason');
    expect(done).not.toHaveProperty('queuePlace');
  });

  test('`errand run` says it, and goes on to the end', async () => {
    const big = await server.createJob(serviceId, 'sleep 1000', { planId: 'standard' });
    await eventually(async () => (await server.job(big.id)).status === 'running', { what: 'the start' });
    const run = startErrand(['run', serviceId, '--', 'echo ran'], environment());
    await eventually(() => run.output.stderr.includes('waits for memory: it needs 512 MB'), {
      what: 'the word',
    });
    await server.call('POST', `/services/${serviceId}/jobs/${big.id}/cancel`);
    expect(await run.ended).toMatchObject({ code: 0, stdout: 'ran\n' });
  });

  test('and can never fit after a restart with less end with what they need and what there is; the others go on', async () => {
    const running = await server.createJob(serviceId, 'sleep 1000', { planId: 'standard' });
    await eventually(async () => (await server.job(running.id)).status === 'running', { what: 'the start' });
    const tooBig = await Promise.all(
      [1, 2, 3].map(() => server.createJob(serviceId, 'true', { planId: 'standard' })),
    );
    const small = await server.createJob(serviceId, 'echo ran');
    await server.restart(() => {
      server.config.capacity.memoryBytes = 2 ** 30;
    });
    await server.call('POST', `/services/${serviceId}/jobs/${running.id}/cancel`);
    expect(await server.finished(small.id)).toMatchObject({ status: 'succeeded' });
    for (const { id } of tooBig) {
      expect(await server.finished(id)).toMatchObject({
        status: 'failed',
        reason: {
          startFailed: expect.stringMatching(
            /^instance type plan-srv-008 \(standard\) needs 2048 MB and 1 CPU; this server gives its jobs 1024 MB and [\d.]+ CPU in all \(--max-memory, --max-cpu\)$/,
          ),
        },
      });
    }
    await server.restart(() => {
      server.config.capacity.memoryBytes = 2 ** 31;
      server.config.capacity.cpuMillis = 2000;
    });
    expect((await server.job(tooBig[0]!.id)).status).toBe('failed');
  });

  test('for CPU that there will never be end too', async () => {
    server.config.capacity.jobs = 1;
    const running = await server.createJob(serviceId, 'sleep 1000');
    await eventually(async () => (await server.job(running.id)).status === 'running', { what: 'the start' });
    const wide = await server.createJob(serviceId, 'true', { planId: 'standard' });
    expect((await server.job(wide.id)).statusReason).toBe(
      'waits for the end of another job: 1 may run at once (--max-jobs)',
    );
    await server.restart(() => {
      server.config.capacity.cpuMillis = 500;
    });
    await server.call('POST', `/services/${serviceId}/jobs/${running.id}/cancel`);
    expect(await server.finished(wide.id)).toMatchObject({
      reason: { startFailed: expect.stringContaining('needs 2048 MB and 1 CPU; this server gives its jobs') },
    });
  });
});

const environment = (): Record<string, string> => ({
  ERRAND_HOST: server.running.url,
  ERRAND_API_KEY: ADMIN_KEY,
});
