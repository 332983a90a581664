import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PresentedJob } from '../../src/jobs/present-job.ts';
import { addKey } from '../../src/services/api-keys.ts';
import { newId } from '../../src/shared/ids.ts';
import { Secret } from '../../src/shared/secret.ts';
import { eventually } from '../support/eventually.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;
let cronId: string;

beforeAll(async () => {
  server = await TestServer.start();
  serviceId = await server.seedService();
  cronId = await server.seedService({}, { type: 'cron_job' });
});
afterAll(async () => server.close());

/** Another workspace with a service of its own, and a key to it. */
async function otherWorkspace(): Promise<{ key: string; serviceId: string }> {
  const { database, clock } = server.running.context;
  const workspaceId = newId('tea');
  const key = 'another-workspace-key-0123';
  await database.write(async (trx) => {
    await trx
      .insertInto('workspaces')
      .values({ id: workspaceId, name: 'Other', email: 'o@example.com', created_at: clock.now() })
      .execute();
    await addKey(trx, clock, { workspaceId, name: 'other', role: 'admin', key: new Secret(key) });
  });
  return { key, serviceId: await server.seedService({}, { workspace_id: workspaceId }) };
}

const create = (body: unknown, path = `/services/${serviceId}/jobs`, headers = {}) =>
  server.call<PresentedJob & { message: string }>('POST', path, body, headers);

async function jobCount(): Promise<number> {
  const { database } = server.running.context;
  return (await database.read.selectFrom('jobs').select('id').execute()).length;
}

describe('POST /services/{serviceId}/jobs', () => {
  test('answers 201 with the documented fields and nothing that is not set', async () => {
    const { status, body } = await create({ startCommand: 'echo hi' });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^job-[0-9a-v]{20}$/),
      serviceId,
      startCommand: 'echo hi',
      planId: 'plan-srv-006',
      status: 'pending',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    });
    const ended = await server.finished(body.id);
    expect(ended).toMatchObject({ status: 'succeeded', startedAt: expect.any(String) });
    expect(await server.output(body.id)).toEqual(['hi']);
  });

  test('takes an instance type by id, by the name of its plan, and "" for the service\'s own', async () => {
    for (const [planId, chosen] of [
      ['plan-srv-008', 'plan-srv-008'],
      ['standard', 'plan-srv-008'],
      ['', 'plan-srv-006'],
    ]) {
      expect((await create({ startCommand: 'true', planId })).body.planId).toBe(chosen);
    }
    expect((await create({ startCommand: 'true' }, `/services/${cronId}/jobs`)).body.planId).toBe(
      'plan-crn-003',
    );
  });

  test('accepts jobs of a suspended service', async () => {
    const suspended = await server.seedService({}, { suspended: 1, suspenders: '["user"]' });
    expect((await create({ startCommand: 'true' }, `/services/${suspended}/jobs`)).status).toBe(201);
  });

  const refusals: [what: string, body: unknown, status: number, message: RegExp][] = [
    ['no body', undefined, 400, /body is required/],
    ['a body that is not JSON', 'startCommand=true', 400, /not valid JSON/],
    ['a body that is a list', [], 400, /must be of type object/],
    ['a missing command', {}, 400, /startCommand is required/],
    ['an empty command', { startCommand: '' }, 400, /startCommand must not be empty/],
    ['a command of spaces', { startCommand: ' \n' }, 400, /must not be empty/],
    ['a command that is a number', { startCommand: 1 }, 400, /must be of type string, got 1/],
    ['a command with a NUL', { startCommand: 'a\0b' }, 400, /NUL/],
    ['a command of 300 KiB', { startCommand: 'x'.repeat(300 * 1024) }, 400, /262144 bytes.*got 307200/],
    ['an unknown plan', { startCommand: 'true', planId: 'plan-srv-999' }, 400, /plan-srv-999.*plan-srv-006/],
    ['a plan of cron jobs', { startCommand: 'true', planId: 'plan-crn-003' }, 400, /accepted: plan-srv-006/],
    ['a timeout of 0', { startCommand: 'true', timeoutSeconds: 0 }, 400, /from 1 to 2592000/],
    ['a timeout of 31 days', { startCommand: 'true', timeoutSeconds: 31 * 86400 }, 400, /2592000/],
    [
      'a timeout that is no whole number',
      { startCommand: 'true', timeoutSeconds: 1.5 },
      400,
      /timeoutSeconds/,
    ],
  ];
  test.each(refusals)('refuses %s and stores nothing', async (_what, body, status, message) => {
    const before = await jobCount();
    const answer = await create(body);
    expect(answer.status).toBe(status);
    expect(answer.body.message).toMatch(message);
    expect(await jobCount()).toBe(before);
  });

  test('refuses an instance type that this server has no room for', async () => {
    const answer = await create({ startCommand: 'true', planId: 'pro_ultra' });
    expect(answer.status).toBe(400);
    expect(answer.body.message).toMatch(/plan-srv-014 .* choose a smaller planId/);
  });

  test('refuses a service without a successful build', async () => {
    const fresh = await server.seedService({}, { live_deploy_id: null });
    const answer = await create({ startCommand: 'true' }, `/services/${fresh}/jobs`);
    expect(answer.status).toBe(400);
    expect(answer.body.message).toMatch(/no successful build/);
  });

  test('refuses a missing and a wrong key with 401, an unknown and a foreign service with 404', async () => {
    const bare = await fetch(`${server.url}/services/${serviceId}/jobs`, {
      method: 'POST',
      body: '{"startCommand":"true"}',
    });
    expect(bare.status).toBe(401);
    expect(
      (await create({ startCommand: 'true' }, undefined, { authorization: 'Bearer wrong' })).status,
    ).toBe(401);
    const unknown = newId('srv');
    const answer = await create({ startCommand: 'true' }, `/services/${unknown}/jobs`);
    expect(answer).toMatchObject({ status: 404, body: { message: `not found: ${unknown}` } });
    const other = await otherWorkspace();
    expect((await create({ startCommand: 'true' }, `/services/${other.serviceId}/jobs`)).status).toBe(404);
    const job = await create({ startCommand: 'true' });
    const foreign = await fetch(`${server.url}/services/${serviceId}/jobs/${job.body.id}`, {
      headers: { authorization: `Bearer ${other.key}` },
    });
    expect(foreign.status).toBe(404);
    expect(await foreign.json()).toMatchObject({ message: `not found: ${job.body.id}` });
  });
});

describe('GET /services/{serviceId}/jobs', () => {
  test('pages newest first without gap or repeat, also while jobs are added', async () => {
    const listed = await server.seedService();
    const made: string[] = [];
    for (let index = 0; index < 7; index += 1) made.push((await server.createJob(listed, 'true')).id);
    const seen: string[] = [];
    let cursor = '';
    for (;;) {
      const { body } = await server.call<{ job: PresentedJob; cursor: string }[]>(
        'GET',
        `/services/${listed}/jobs?limit=3${cursor && `&cursor=${cursor}`}`,
      );
      if (body.length === 0) break;
      seen.push(...body.map(({ job }) => job.id));
      cursor = body.at(-1)!.cursor;
      await server.createJob(listed, 'true');
    }
    expect(seen).toEqual(made.reverse());
  });

  test('filters by status, repeated or joined by commas, and by times', async () => {
    const listed = await server.seedService();
    const good = await server.run(listed, 'true');
    const bad = await server.run(listed, 'false');
    const ids = async (query: string): Promise<string[]> => {
      const { body } = await server.call<{ job: PresentedJob }[]>('GET', `/services/${listed}/jobs?${query}`);
      return body.map(({ job }) => job.id);
    };
    expect(await ids('status=succeeded')).toEqual([good.id]);
    expect(await ids('status=failed,succeeded')).toEqual([bad.id, good.id]);
    expect(await ids('status=failed&status=succeeded')).toEqual([bad.id, good.id]);
    expect(await ids('status=running')).toEqual([]);
    expect(await ids(`createdAfter=${good.createdAt}`)).toEqual([bad.id]);
    expect(await ids(`createdBefore=${bad.createdAt}`)).toEqual([good.id]);
    expect(await ids(`startedAfter=${good.startedAt}`)).toEqual([bad.id]);
    expect(await ids(`startedBefore=${bad.startedAt}`)).toEqual([good.id]);
    expect(await ids(`finishedAfter=${good.finishedAt}`)).toEqual([bad.id]);
    expect(await ids(`finishedBefore=${bad.finishedAt}`)).toEqual([good.id]);
    const refused = await server.call<{ message: string }>('GET', `/services/${listed}/jobs?status=done`);
    expect(refused).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/one of pending, running/) },
    });
    for (const wrong of ['limit=0', 'limit=x', 'cursor=x', 'createdAfter=yesterday']) {
      expect((await server.call('GET', `/services/${listed}/jobs?${wrong}`)).status).toBe(400);
    }
  });
});

describe('POST /services/{serviceId}/jobs/{jobId}/cancel', () => {
  test('reaches the command with SIGTERM, however early it comes', async () => {
    const ended = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const job = await server.createJob(serviceId, 'sleep 300');
        await server.call('POST', `/services/${serviceId}/jobs/${job.id}/cancel`);
        return server.finished(job.id, 50_000);
      }),
    );
    const started = ended.filter(({ startedAt }) => startedAt !== undefined);
    expect(started.map(({ signal }) => signal)).toEqual(started.map(() => 'SIGTERM'));
  }, 60_000);

  test('ends a running job as canceled', async () => {
    const job = await server.createJob(serviceId, 'echo up; sleep 300');
    await eventually(async () => (await server.job(job.id)).status === 'running');
    const answer = await server.call('POST', `/services/${serviceId}/jobs/${job.id}/cancel`);
    expect(answer).toMatchObject({ status: 200, body: { id: job.id } });
    const ended = await server.finished(job.id);
    expect(ended).toMatchObject({
      status: 'canceled',
      signal: 'SIGTERM',
      reason: { evicted: false, canceled: expect.any(String) },
    });
  });

  test('refuses a finished job, naming its status, and changes nothing', async () => {
    const job = await server.run(serviceId, 'true');
    const answer = await server.call('POST', `/services/${serviceId}/jobs/${job.id}/cancel`);
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining('succeeded') } });
    expect(await server.job(job.id)).toEqual({ ...job, output: undefined });
  });
});

describe('GET /jobs/{jobId}/wait', () => {
  test('answers when the job is final, or after the time with the job as it is', async () => {
    const job = await server.createJob(serviceId, 'sleep 300');
    const waiting = await server.call<PresentedJob>('GET', `/jobs/${job.id}/wait?timeoutSeconds=0.05`);
    expect(waiting.body.finishedAt).toBeUndefined();
    const final = server.call<PresentedJob>('GET', `/jobs/${job.id}/wait?timeoutSeconds=60`);
    await server.call('POST', `/services/${serviceId}/jobs/${job.id}/cancel`);
    expect((await final).body.status).toBe('canceled');
  });
});

describe('the snapshot of a job', () => {
  test('does not change with the environment, the build or the suspension of the service', async () => {
    const { database } = server.running.context;
    const changing = await server.seedService({ 'version.txt': 'old build\n' });
    const setVariable = (value: string) =>
      server.call('PUT', `/services/${changing}/env-vars/GREETING`, { value });
    expect((await setVariable('old value')).status).toBe(200);
    const job = await server.createJob(
      changing,
      'until [ -e /tmp/never ] || [ $SECONDS -ge 2 ]; do sleep 0.1; done; cat version.txt; echo $GREETING',
    );
    await setVariable('new value');
    const next = await server.seedService({ 'version.txt': 'new build\n' });
    await database.write(async (trx) => {
      const { live_deploy_id } = await trx
        .selectFrom('services')
        .select('live_deploy_id')
        .where('id', '=', next)
        .executeTakeFirstOrThrow();
      await trx
        .updateTable('services')
        .set({ live_deploy_id, suspended: 1, suspenders: '["user"]' })
        .where('id', '=', changing)
        .execute();
    });
    await server.finished(job.id);
    expect(await server.output(job.id)).toEqual(['old build', 'old value']);
    expect((await server.run(changing, 'cat version.txt; echo $GREETING')).output).toEqual([
      'new build',
      'new value',
    ]);
  });
});
