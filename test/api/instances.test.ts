/** Instances, scaling, rollback, events, metrics, cron runs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UsageSampler } from '../../src/background/usage-samples.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { makeWorld, type World } from '../support/world.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

const running = (jobId: string) =>
  eventually(async () => (await api.server.job(jobId)).status === 'running', { what: `${jobId} to run` });

describe('instances', () => {
  test('of a service are those of its running jobs', async () => {
    const serviceId = await api.seed();
    const params = { serviceId };
    expect(await api.viewer.ok('list-instances', { params })).toEqual([]);
    const job = await api.server.createJob(serviceId, 'sleep 60');
    await running(job.id);
    const { startedAt } = await api.server.job(job.id);
    expect(await api.viewer.ok('list-instances', { params })).toEqual([{ id: job.id, createdAt: startedAt }]);
    await api.developer.ok('cancel-job', { params: { serviceId, jobId: job.id } });
    await api.server.finished(job.id);
    expect(await api.viewer.ok('list-instances', { params })).toEqual([]);
  });

  test('are scaled, restarted and autoscaled on paper, with an event each', async () => {
    const serviceId = await api.seed({ type: 'web_service' });
    const params = { serviceId };
    await api.developer.ok('scale-service', { params, body: { numInstances: 3 } });
    await api.developer.ok('restart-service', { params });
    const criterion = { enabled: true, percentage: 60 };
    const config = { enabled: true, min: 1, max: 5, criteria: { cpu: criterion, memory: criterion } };
    expect(await api.developer.ok('autoscale-service', { params, body: config })).toEqual(config);
    const service = await api.viewer.ok('retrieve-service', { params });
    expect(service.serviceDetails).toMatchObject({ numInstances: 3, autoscaling: config });
    const events = await api.viewer.ok('list-events', { params });
    expect(events.map(({ event }) => event.type)).toEqual([
      'autoscaling_config_changed',
      'server_restarted',
      'instance_count_changed',
    ]);
    await api.developer.ok('delete-autoscaling-config', { params });
    const after = await api.viewer.ok('retrieve-service', { params });
    expect(after.serviceDetails).not.toHaveProperty('autoscaling');
  });

  test('of a cron job cannot be scaled; numbers have bounds', async () => {
    const cron = { serviceId: await api.seed({ type: 'cron_job' }) };
    expect(
      (await api.developer.refused('scale-service', { params: cron, body: { numInstances: 1 } })).status,
    ).toBe(400);
    const params = { serviceId: await api.seed() };
    for (const numInstances of [-1, 1.5, 1001]) {
      const answer = await api.developer.refused('scale-service', { params, body: { numInstances } });
      expect(answer.status).toBe(400);
    }
    const criterion = { enabled: true, percentage: 60 };
    const body = { enabled: true, min: 5, max: 1, criteria: { cpu: criterion, memory: criterion } };
    expect((await api.developer.refused('autoscale-service', { params, body })).status).toBe(400);
  });

  test('have no shells', async () => {
    const params = { serviceId: await api.seed() };
    const answer = await api.developer.refused('create-ephemeral-shell', { params });
    expect(answer).toMatchObject({ status: 501, message: expect.stringContaining('one-off job') });
  });
});

describe('events', () => {
  test('of a job hold how it ended; they are filtered, paged and found by id', async () => {
    const serviceId = await api.seed();
    for (const command of ['true', 'exit 7', 'exit 8']) await api.server.run(serviceId, command);
    const params = { serviceId };
    const all = await api.viewer.ok('list-events', { params });
    expect(all).toHaveLength(3);
    expect(all[0]!.event).toMatchObject({
      type: 'job_run_ended',
      details: { status: 'failed', reason: { nonZeroExit: 8, evicted: false } },
    });
    const first = (await api.viewer.ok('list-events', { params, query: { limit: 1 } })) as {
      cursor: string;
    }[];
    const rest = await api.viewer.ok('list-events', { params, query: { cursor: first[0]!.cursor } });
    expect(rest).toEqual(all.slice(1));
    const { event } = all[1]!;
    expect(await api.viewer.ok('retrieve-event', { params: { eventId: event.id } })).toEqual(event);
    const narrowed = { startTime: event.timestamp, endTime: event.timestamp };
    expect(await api.viewer.ok('list-events', { params, query: narrowed })).toEqual([all[1]]);
    expect(await api.viewer.ok('list-events', { params, query: { type: 'build_ended' } })).toEqual([]);
    expect((await api.foreign.refused('retrieve-event', { params: { eventId: event.id } })).status).toBe(404);
  });
});

describe('rollback', () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(api);
  });
  afterAll(() => world.repository.remove());

  test('makes an earlier build live again by a deploy of its own', async () => {
    const { serviceId } = world.params;
    world.repository.commit({ 'run.sh': 'echo second' }, 'second');
    const second = (await api.developer.ok('create-deploy', { params: { serviceId }, body: {} }))!;
    const retrieve = (deployId: string) =>
      api.viewer.ok('retrieve-deploy', { params: { serviceId, deployId } });
    await eventually(async () => (await retrieve(second.id)).status === 'live');
    expect((await api.server.run(serviceId, 'sh run.sh')).output).toEqual(['second']);
    const target = world.earlierDeployId;
    const rolled = await api.developer.ok('rollback-deploy', {
      params: { serviceId },
      body: { deployId: target },
    });
    expect(rolled).toMatchObject({ status: 'live', trigger: 'rollback' });
    expect(rolled.commit).toEqual((await retrieve(target)).commit);
    expect((await retrieve(second.id)).status).toBe('deactivated');
    expect((await api.server.run(serviceId, 'sh run.sh')).output).toEqual(['run']);
    // And forward again.
    await api.developer.ok('rollback-deploy', { params: { serviceId }, body: { deployId: second.id } });
    expect((await api.server.run(serviceId, 'sh run.sh')).output).toEqual(['second']);
  });

  test('to what is live, unknown or of another service is refused', async () => {
    const { serviceId } = world.params;
    const back = (deployId: string, of = serviceId) =>
      api.developer.refused('rollback-deploy', { params: { serviceId: of }, body: { deployId } });
    const [live] = await api.viewer.ok('list-deploys', {
      params: { serviceId },
      query: { status: ['live'] },
    });
    expect(await back(live!.deploy!.id)).toMatchObject({
      status: 400,
      message: expect.stringContaining('live'),
    });
    expect((await back('dep-00000000000000000000')).status).toBe(404);
    expect((await back(world.earlierDeployId, await api.seed())).status).toBe(404);
  });
});

describe('cron runs', () => {
  const runsOf = async (cronJobId: string) => {
    const { database } = api.server.running.context;
    return database.read
      .selectFrom('cron_runs')
      .selectAll()
      .where('service_id', '=', cronJobId)
      .orderBy('created_at')
      .execute();
  };
  const seedCron = (startCommand: string) =>
    api.seed({
      type: 'cron_job',
      details: JSON.stringify({
        env: 'node',
        runtime: 'node',
        plan: 'starter',
        region: 'oregon',
        buildPlan: 'starter',
        schedule: '0 4 * * *',
        envSpecificDetails: { buildCommand: '', startCommand },
      }),
    });

  test("a run is a job of the cron job's own command, and its end is told once", async () => {
    const cronJobId = await seedCron('echo "ran $((6 * 7))"');
    const run = await api.developer.ok('run-cron-job', { params: { cronJobId } });
    expect(run).toMatchObject({ status: 'pending', triggeredBy: expect.stringMatching(/^usr-/) });
    const [job] = await api.viewer.ok('list-job', { params: { serviceId: cronJobId } });
    const ended = await api.server.finished(job!.job.id);
    expect(ended).toMatchObject({ status: 'succeeded', timeoutSeconds: 12 * 3600 });
    expect(await api.server.output(ended.id)).toEqual(['ran 42']);
    const events = await api.viewer.ok('list-events', { params: { serviceId: cronJobId } });
    const told = events.map(({ event }) => event).filter(({ type }) => /^(cron_job|job)_run/.test(type));
    expect(told.map(({ details }) => details)).toEqual([
      { cronJobRunId: run.id, status: 'successful' },
      { cronJobRunId: run.id },
    ]);
  });

  test('a new run ends the present one and begins after its end', async () => {
    const cronJobId = await seedCron('echo begin; sleep 60');
    const params = { cronJobId };
    const first = await api.developer.ok('run-cron-job', { params });
    const [job] = await api.viewer.ok('list-job', { params: { serviceId: cronJobId } });
    await running(job!.job.id);
    const second = await api.developer.ok('run-cron-job', { params });
    expect(second.id).not.toBe(first.id);
    const one = await api.server.finished(job!.job.id);
    expect(one.status).toBe('canceled');
    const started = await eventually(async () => (await runsOf(cronJobId))[1]?.job_id ?? undefined);
    const two = await eventually(async () => {
      const present = await api.server.job(started);
      return present.startedAt ? present : undefined;
    });
    expect(two.startedAt! >= one.finishedAt!).toBe(true);
    await api.developer.ok('cancel-cron-job-run', { params });
    await api.server.finished(two.id);
    expect((await runsOf(cronJobId)).map(({ status }) => status)).toEqual(['canceled', 'canceled']);
  });

  test('20 runs asked for at once leave one', async () => {
    const cronJobId = await seedCron('sleep 60');
    const params = { cronJobId };
    await Promise.all(Array.from({ length: 20 }, () => api.developer.ok('run-cron-job', { params })));
    const open = (await runsOf(cronJobId)).filter(({ state }) => state !== 'ended');
    expect(open.filter(({ state }) => state === 'started').length).toBeLessThanOrEqual(1);
    await eventually(async () => {
      const left = (await runsOf(cronJobId)).filter(({ state }) => state !== 'ended');
      return left.length === 1 && left[0]!.state === 'started';
    });
    const active = await api.viewer.ok('list-job', {
      params: { serviceId: cronJobId },
      query: { status: ['pending', 'running'] },
    });
    expect(active).toHaveLength(1);
    await api.developer.ok('cancel-cron-job-run', { params });
  });

  test('are refused for what is no cron job, and canceled when there is none', async () => {
    const notCron = { cronJobId: await api.seed() };
    expect((await api.developer.refused('run-cron-job', { params: notCron })).status).toBe(400);
    const params = { cronJobId: await seedCron('true') };
    expect((await api.developer.call('cancel-cron-job-run', { params })).status).toBe(204);
    const none = { cronJobId: await seedCron('') };
    expect((await api.developer.refused('run-cron-job', { params: none })).message).toContain('startCommand');
    expect((await api.foreign.refused('run-cron-job', { params })).status).toBe(404);
  });
});

describe('metrics', () => {
  /** The process executor measures nothing: a reading of chance in its place. */
  async function sample(
    jobId: string,
    readings: { memoryBytes: number; cpuSeconds: number }[],
  ): Promise<void> {
    const { context } = api.server.running;
    let at = 0;
    const executor = Object.create(context.executor) as typeof context.executor;
    executor.usage = async (id) => (id === jobId ? readings[at++] : undefined);
    const sampler = new UsageSampler({ ...context, executor });
    for (const _ of readings) expect(await sampler.pass()).toBe(1);
  }

  test('show CPU and memory of instances with their limits, by step', async () => {
    const serviceId = await api.seed();
    const job = await api.server.createJob(serviceId, 'sleep 60');
    await running(job.id);
    await sample(job.id, [
      { memoryBytes: 1000, cpuSeconds: 0 },
      { memoryBytes: 3000, cpuSeconds: 0 },
    ]);
    const query = { service: serviceId, resolutionSeconds: 3600 };
    const [memory, ...others] = await api.viewer.ok('get-memory', { query });
    expect(others).toEqual([]);
    expect(memory).toMatchObject({ unit: 'bytes', values: [{ value: 2000 }] });
    expect(memory!.labels).toContainEqual({ field: 'instance', value: job.id });
    const [cpu] = await api.viewer.ok('get-cpu', { query: { ...query, aggregationMethod: 'MAX' } });
    expect(cpu).toMatchObject({ unit: 'cpu', values: [{ value: 0 }] });
    const [memoryLimit] = await api.viewer.ok('get-memory-limit', { query: { instance: job.id } });
    expect(memoryLimit!.values[0]!.value).toBe(512 * 2 ** 20);
    const [cpuLimit] = await api.viewer.ok('get-cpu-limit', { query: { resource: job.id } });
    expect(cpuLimit!.values[0]!.value).toBe(0.5);
    const past = { ...query, startTime: '2020-01-01T00:00:00Z', endTime: '2020-01-02T00:00:00Z' };
    expect(await api.viewer.ok('get-cpu', { query: past })).toEqual([]);
    await api.developer.ok('cancel-job', { params: { serviceId, jobId: job.id } });
  });

  test('are refused for what is foreign, unnamed or the wrong way round', async () => {
    const cpu = (query: object) => api.viewer.refused('get-cpu', { query });
    expect((await cpu({ resource: api.foreignServiceId })).status).toBe(404);
    expect((await cpu({})).status).toBe(400);
    const order = { startTime: '2026-01-02T00:00:00Z', endTime: '2026-01-01T00:00:00Z' };
    expect((await cpu({ resource: api.serviceId, ...order })).status).toBe(400);
    expect((await cpu({ resource: api.serviceId, resolutionSeconds: 0 })).status).toBe(400);
  });
});
