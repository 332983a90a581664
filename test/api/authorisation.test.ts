import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadContract } from '../../src/api/contract.ts';
import type { OperationId } from '../../src/api/contract-types.ts';
import { newId } from '../../src/shared/ids.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { subscribe } from '../support/live-logs.ts';
import { callPlans, makeWorld, type World } from '../support/world.ts';

type Role = 'viewer' | 'developer' | 'admin';
const ROLES: Role[] = ['viewer', 'developer', 'admin'];

/** The rows of docs/authorisation.md: what the page promises is what is tried. */
const page = readFileSync(new URL('../../docs/authorisation.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `(\w+) (\S+)`[^|]*\| (\w+) +\| (\w+) +\| (\w+) +\| ([^|]+) \|$/gm)].map(
  ([, method, path, ...cells]) => ({
    method: method!,
    path: path!,
    cells: cells.map((cell) => cell!.trim()),
  }),
);
const operations = [...loadContract().operations.values()];

let api: TestApi;
let world: World;
beforeAll(async () => {
  api = await startApi();
  world = await makeWorld(api);
});
afterAll(async () => {
  world.repository.remove();
  await api.close();
});

test('the page has a row for every operation', () => {
  const listed = rows.map(({ method, path }) => `${method} ${path}`).sort();
  expect(listed).toEqual(operations.map(({ method, path }) => `${method} ${path}`).sort());
});

describe.each(ROLES)('the role %s', (role) => {
  test.each(rows)('is held to its cell for $method $path', async ({ method, path, cells }) => {
    const { operationId } = operations.find((one) => one.method === method && one.path === path)!;
    const plan = await callPlans[operationId as OperationId](world);
    // Ids that nobody has: what is allowed gets past the role and finds nothing, and changes nothing.
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    const params = Object.fromEntries(names.map((name) => [name, newId('srv')]));
    if (operationId === 'stream-logs') plan.query = { ...plan.query, resource: [newId('job')] };
    const answer = await api[role].call(operationId as OperationId, { ...plan, params } as never);
    expect(cells[ROLES.indexOf(role)]).toBeOneOf(['yes', '403']);
    if (cells[ROLES.indexOf(role)] === '403') {
      expect(answer.status).toBe(403);
      expect((answer.body as { message: string }).message).toContain(`the role ${role}`);
    } else {
      expect(answer.status).not.toBeOneOf([401, 403]);
    }
  });
});

describe('a key', () => {
  test('that was revoked is refused at once', async () => {
    const { apiKey, key } = await api.admin.ok('create-key', { body: { name: 'short', role: 'developer' } });
    const client = api.client(key);
    expect((await client.call('list-services')).status).toBe(200);
    await api.admin.ok('revoke-key', { params: { keyId: apiKey.id } });
    expect((await client.refused('list-services')).status).toBe(401);
    expect((await client.refused('post-job', { params: { serviceId: api.serviceId } })).status).toBe(401);
  });

  test('is never shown again, and its last use is', async () => {
    const { apiKey, key } = await api.admin.ok('create-key', { body: { name: 'used', role: 'viewer' } });
    expect(apiKey.lastUsedAt).toBeUndefined();
    await api.client(key).ok('get-user');
    // Nobody waits for the write of it.
    const shown = await eventually(async () => {
      const keys = await api.admin.ok('list-keys', { query: { limit: 100 } });
      return keys.map((one) => one.apiKey).find((one) => one.id === apiKey.id && one.lastUsedAt);
    });
    const listed = await api.admin.ok('list-keys', { query: { limit: 100 } });
    expect(shown.prefix).toBe(key.slice(0, 8));
    expect(JSON.stringify(listed)).not.toContain(key);
  });

  test('cannot be revoked when it is the last admin key of its workspace', async () => {
    const [own] = await api.foreign.ok('list-keys');
    const params = { keyId: own!.apiKey.id };
    expect((await api.foreign.refused('revoke-key', { params })).status).toBe(409);
    expect((await api.foreign.call('get-user')).status).toBe(200);
  });

  test('of another workspace makes no workspaces and lists only its own', async () => {
    expect((await api.foreign.refused('create-workspace', { body: { name: 'x' } })).status).toBe(403);
    const listed = await api.foreign.ok('list-workspaces');
    expect(listed.map(({ workspace }) => workspace.id)).toEqual([api.foreignWorkspaceId]);
    const all = await api.admin.ok('list-workspaces');
    expect(all.map(({ workspace }) => workspace.id)).toContain(api.foreignWorkspaceId);
  });
});

test('a WebSocket of another workspace is refused before the upgrade', async () => {
  const { key } = await api.foreign.ok('create-key', { body: { name: 'spy', role: 'admin' } });
  await expect(subscribe(api.server, { resource: world.params.jobId }, key)).rejects.toThrow('404');
  await expect(subscribe(api.server, { resource: world.params.jobId }, 'wrong')).rejects.toThrow('401');
});

describe('an id of another workspace in a body', () => {
  const bodies = (): [OperationId, Record<string, string>, Record<string, unknown>, string][] => {
    const { ownerId, serviceId, projectId, environmentId, deployId, diskId } = world.params;
    const own = api.foreignWorkspaceId;
    const group = { name: 'g', ownerId: own, envVars: [] };
    return [
      ['create-project', {}, { name: 'p', ownerId, environments: [] }, ownerId],
      ['create-env-group', {}, { ...group, ownerId }, ownerId],
      ['create-env-group', {}, { ...group, serviceIds: [serviceId] }, serviceId],
      ['create-env-group', {}, { ...group, environmentId }, environmentId],
      ['create-environment', {}, { name: 'e', projectId }, projectId],
      ['add-disk', {}, { name: 'd', sizeGB: 1, mountPath: '/d', serviceId }, serviceId],
      ['rollback-deploy', { serviceId: api.foreignServiceId }, { deployId }, deployId],
      ['update-disk', { diskId }, { sizeGB: 9 }, diskId],
      [
        'create-service',
        {},
        {
          type: 'background_worker',
          name: 's',
          ownerId: own,
          repo: 'file:///nowhere',
          environmentId,
          serviceDetails: { runtime: 'node', plan: 'starter', numInstances: 1 },
        },
        environmentId,
      ],
    ];
  };

  test('is not found, and nothing is made', async () => {
    for (const [id, params, body, foreignId] of bodies()) {
      const answer = await api.foreign.call(id, { params, body } as never);
      expect(answer, id).toMatchObject({ status: 404, body: { message: `not found: ${foreignId}` } });
    }
    expect(await api.foreign.ok('list-projects')).toEqual([]);
    expect(await api.foreign.ok('list-env-groups')).toEqual([]);
    expect(await api.foreign.ok('list-disks')).toEqual([]);
  });
});
