import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Job } from '../../src/api/contract-types.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

const create = (key: string, startCommand = 'true', client = api.developer) =>
  client.call('post-job', {
    params: { serviceId: api.serviceId },
    body: { startCommand },
    headers: { 'idempotency-key': key },
  });

async function jobsWith(startCommand: string): Promise<number> {
  const { database } = api.server.running.context;
  const rows = await database.read
    .selectFrom('jobs')
    .select('id')
    .where('start_command', '=', startCommand)
    .execute();
  return rows.length;
}

describe('a POST with an Idempotency-Key', () => {
  test('repeated with the same body gives the first answer and does nothing', async () => {
    const first = await create('twice', 'echo twice');
    const second = await create('twice', 'echo twice');
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(await jobsWith('echo twice')).toBe(1);
  });

  test('50 times at once is carried out once, and the job runs', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => create('at-once', 'echo at once')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const ids = new Set(answers.map(({ body }) => (body as Job).id));
    expect(ids.size).toBe(1);
    expect(await jobsWith('echo at once')).toBe(1);
    expect((await api.server.finished([...ids][0]!)).status).toBe('succeeded');
  });

  test('with another body is a conflict and changes nothing', async () => {
    await create('other-body', 'echo one');
    const answer = await create('other-body', 'echo two');
    expect(answer.status).toBe(409);
    expect(await jobsWith('echo two')).toBe(0);
  });

  test('is the same request when only the order of fields differs, another one on another path', async () => {
    const { serviceId } = api;
    const send = (path: string, body: string) =>
      api.developer.request({ method: 'POST', path, body, headers: { 'idempotency-key': 'order' } });
    const path = `/v1/services/${serviceId}/jobs`;
    const first = await send(path, '{"startCommand":"echo o","planId":"starter"}');
    const second = await send(path, '{"planId":"starter","startCommand":"echo o"}');
    expect(second.body).toEqual(first.body);
    const elsewhere = await send(
      `/v1/services/${await api.seed()}/jobs`,
      '{"startCommand":"echo o","planId":"starter"}',
    );
    expect(elsewhere.status).toBe(409);
  });

  test('is known after a restart of the server', async () => {
    const first = await create('restart', 'echo restart');
    await api.server.restart();
    const second = await create('restart', 'echo restart');
    expect(second.body).toEqual(first.body);
    expect(await jobsWith('echo restart')).toBe(1);
  });

  test('that was refused is judged anew', async () => {
    const key = 'refused-first';
    const body = { name: 'late-service-group', ownerId: api.workspaceId, envVars: [], serviceIds: ['srv-x'] };
    const send = (serviceIds: string[]) =>
      api.developer.call('create-env-group', {
        body: { ...body, serviceIds },
        headers: { 'idempotency-key': key },
      });
    expect((await send(['srv-00000000000000000000'])).status).toBe(404);
    expect((await send([api.serviceId])).status).toBe(201);
  });

  test('belongs to its workspace: another one may use the same key', async () => {
    await create('shared', 'echo shared');
    const foreign = await api.foreign.call('post-job', {
      params: { serviceId: api.foreignServiceId },
      body: { startCommand: 'echo shared' },
      headers: { 'idempotency-key': 'shared' },
    });
    expect(foreign.status).toBe(201);
    expect(foreign.headers['idempotency-replayed']).toBeUndefined();
  });

  test('gives a secret again that the database file does not hold in the clear', async () => {
    const send = () =>
      api.admin.call('create-key', {
        body: { name: 'idempotent', role: 'viewer' },
        headers: { 'idempotency-key': 'key' },
      });
    const [first, second] = [await send(), await send()];
    expect(second.body).toEqual(first.body);
    const listed = await api.admin.ok('list-keys', { query: { limit: 100 } });
    expect(listed.filter(({ apiKey }) => apiKey.name === 'idempotent')).toHaveLength(1);
  });

  test('cancels a job whose end is told to those who wait', async () => {
    const job = await api.server.createJob(api.serviceId, 'sleep 60');
    const waiting = api.server.finished(job.id, 20_000);
    await eventually(async () => (await api.server.job(job.id)).status === 'running');
    const canceled = await api.developer.call('cancel-job', {
      params: { serviceId: api.serviceId, jobId: job.id },
      headers: { 'idempotency-key': 'cancel' },
    });
    expect(canceled.status).toBe(200);
    expect((await waiting).status).toBe('canceled');
  });

  test('of a form that no header has is refused', async () => {
    expect((await create('x'.repeat(256))).status).toBe(400);
  });
});

test('on a GET or PUT it has no meaning and does no harm', async () => {
  const headers = { 'idempotency-key': 'twice' };
  expect((await api.developer.call('list-services', { headers })).status).toBe(200);
  const put = () =>
    api.developer.call('update-env-var', {
      params: { serviceId: api.serviceId, envVarKey: 'A' },
      body: { value: 'a' },
      headers,
    });
  expect((await put()).status).toBe(200);
});
