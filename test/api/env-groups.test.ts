import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

type Values = Record<string, string>;
const pairs = (values: Values) => Object.entries(values).map(([key, value]) => ({ key, value }));
const newGroup = (name: string, values: Values, serviceIds: string[] = []) =>
  api.developer.ok('create-env-group', {
    body: { name, ownerId: api.workspaceId, envVars: pairs(values), serviceIds },
  });

/** What a job of the service sees of the variables. */
async function seenBy(serviceId: string, ...names: string[]): Promise<string[]> {
  const { output } = await api.server.run(serviceId, names.map((name) => `echo "$${name}"`).join('; '));
  return output;
}

describe('an environment group', () => {
  test('is made with variables, files and links, and shown newest first', async () => {
    const serviceId = await api.seed();
    const group = await api.developer.ok('create-env-group', {
      body: {
        name: 'shared',
        ownerId: api.workspaceId,
        envVars: [
          { key: 'A', value: 'a' },
          { key: 'TOKEN', generateValue: true },
        ],
        secretFiles: [{ name: 'x.pem', content: 'pem' }],
        serviceIds: [serviceId],
      },
    });
    expect(group.envVars.map(({ key }) => key)).toEqual(['TOKEN', 'A']);
    expect(Buffer.from(group.envVars[0]!.value, 'base64')).toHaveLength(32);
    expect(group.secretFiles).toEqual([{ name: 'x.pem', content: 'pem' }]);
    expect(group.serviceLinks).toMatchObject([{ id: serviceId, type: 'worker' }]);
    const params = { envGroupId: group.id };
    expect(await api.developer.ok('retrieve-env-group', { params })).toEqual(group);
    const [listed] = await api.viewer.ok('list-env-groups', { query: { name: ['shared'] } });
    const { envVars: _, secretFiles: __, ...summary } = group;
    expect(listed).toEqual(summary);
    expect((await api.viewer.refused('retrieve-env-group', { params })).status).toBe(403);
  });

  test('has its values changed one by one, and is renamed and erased', async () => {
    const group = await newGroup('changing', { A: '1' });
    const params = { envGroupId: group.id, envVarKey: 'A' };
    const changed = await api.developer.ok('update-env-group-env-var', { params, body: { value: '2' } });
    expect(changed.envVars).toEqual([{ key: 'A', value: '2' }]);
    expect(changed.updatedAt > group.updatedAt).toBe(true);
    expect(await api.developer.ok('retrieve-env-group-env-var', { params })).toEqual({
      key: 'A',
      value: '2',
    });
    const file = { envGroupId: group.id, envVarKey: 'f' };
    await api.developer.ok('update-env-group-secret-file', { params: file, body: { content: 'c' } });
    expect(await api.developer.ok('retrieve-env-group-secret-file', { params: file })).toEqual({
      name: 'f',
      content: 'c',
    });
    await api.developer.ok('delete-env-group-env-var', { params });
    await api.developer.ok('delete-env-group-secret-file', { params: file });
    const renamed = await api.developer.ok('update-env-group', { params, body: { name: 'renamed' } });
    expect(renamed).toMatchObject({ name: 'renamed', envVars: [], secretFiles: [] });
    await api.developer.ok('delete-env-group', { params });
    expect((await api.developer.refused('retrieve-env-group', { params })).status).toBe(404);
  });

  test('takes null for an empty list, as existing clients send it', async () => {
    const group = await api.developer.ok('create-env-group', {
      body: { name: 'nulls', ownerId: api.workspaceId, envVars: null, secretFiles: null, serviceIds: null },
    });
    expect(group).toMatchObject({ envVars: [], secretFiles: [], serviceLinks: [] });
  });

  test('cannot be linked to a service of another workspace, nor by one', async () => {
    const group = await newGroup('closed', {});
    const link = { envGroupId: group.id, serviceId: api.foreignServiceId };
    expect((await api.developer.refused('link-service-to-env-group', { params: link })).message).toBe(
      `not found: ${api.foreignServiceId}`,
    );
    const taken = { envGroupId: group.id, serviceId: api.foreignServiceId };
    expect((await api.foreign.refused('link-service-to-env-group', { params: taken })).status).toBe(404);
    expect((await api.foreign.refused('retrieve-env-group', { params: taken })).status).toBe(404);
  });

  test('is paged by the id of the last one', async () => {
    const made = [];
    for (const name of ['p1', 'p2', 'p3']) made.push((await newGroup(name, {})).id);
    const first = await api.viewer.ok('list-env-groups', { query: { limit: 2 } });
    expect(first.map(({ id }) => id)).toEqual([made[2], made[1]]);
    const next = await api.viewer.ok('list-env-groups', { query: { limit: 1, cursor: first[1]!.id } });
    expect(next.map(({ id }) => id)).toEqual([made[0]]);
  });
});

test('a job is refused while its variables are together more than a program can be started with', async () => {
  const serviceId = await api.seed();
  const large = Object.fromEntries(
    Array.from({ length: 8 }, (_, index) => [`V${index}`, 'x'.repeat(120_000)]),
  );
  await newGroup('first half', large, [serviceId]);
  expect(await seenBy(serviceId, 'NONE')).toEqual(['']);
  const more = Object.fromEntries(Object.entries(large).map(([key, value]) => [`MORE_${key}`, value]));
  const group = await newGroup('second half', more, [serviceId]);
  const refusal = await api.developer.refused('post-job', {
    params: { serviceId },
    body: { startCommand: 'true' },
  });
  expect(refusal.status).toBe(400);
  expect(refusal.message).toBe(
    'the environment variables of the service and its environment groups have 1920232 bytes together; a program can ' +
      'be started with up to 1572864: put large values into secret files',
  );
  await api.developer.ok('delete-env-group', { params: { envGroupId: group.id } });
  expect(await seenBy(serviceId, 'NONE')).toEqual(['']);
});

describe('precedence', () => {
  test('values of the service win over groups, and the newer group over the older', async () => {
    const serviceId = await api.seed();
    const older = await newGroup('older', { A: 'older', B: 'older', C: 'older' });
    const newer = await newGroup('newer', { B: 'newer', C: 'newer' });
    // Linked in the other order: what counts is which group was made last.
    for (const envGroupId of [newer.id, older.id]) {
      await api.developer.ok('link-service-to-env-group', { params: { envGroupId, serviceId } });
    }
    await api.developer.ok('update-env-var', {
      params: { serviceId, envVarKey: 'C' },
      body: { value: 'own' },
    });
    expect(await seenBy(serviceId, 'A', 'B', 'C')).toEqual(['older', 'newer', 'own']);
    await api.developer.ok('unlink-service-from-env-group', {
      params: { envGroupId: newer.id, serviceId },
    });
    expect(await seenBy(serviceId, 'A', 'B', 'C')).toEqual(['older', 'older', 'own']);
    await api.developer.ok('delete-env-var', { params: { serviceId, envVarKey: 'C' } });
    await api.developer.ok('delete-env-group', { params: { envGroupId: older.id } });
    expect(await seenBy(serviceId, 'A', 'B', 'C')).toEqual(['', '', '']);
  });

  test("a group's change after a job's creation does not reach that job, even while it is pending", async () => {
    const full = await startApi({ maxJobs: '1' });
    try {
      const { developer, server, serviceId } = full;
      const group = await developer.ok('create-env-group', {
        body: {
          name: 'snapshot',
          ownerId: full.workspaceId,
          envVars: pairs({ A: 'before' }),
          serviceIds: [serviceId],
        },
      });
      const blocker = await server.createJob(serviceId, 'sleep 60');
      await eventually(async () => (await server.job(blocker.id)).status === 'running');
      const waiting = await server.createJob(serviceId, 'echo "$A"');
      await developer.ok('update-env-group-env-var', {
        params: { envGroupId: group.id, envVarKey: 'A' },
        body: { value: 'after' },
      });
      const later = await server.createJob(serviceId, 'echo "$A"');
      expect((await server.job(waiting.id)).status).toBe('pending');
      await developer.ok('cancel-job', { params: { serviceId, jobId: blocker.id } });
      await Promise.all([server.finished(waiting.id), server.finished(later.id)]);
      expect(await server.output(waiting.id)).toEqual(['before']);
      expect(await server.output(later.id)).toEqual(['after']);
    } finally {
      await full.close();
    }
  });
});
