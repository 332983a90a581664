import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

const newProject = (name: string, environments: unknown[] = [{ name: 'prod' }]) =>
  api.developer.ok('create-project', { body: { name, ownerId: api.workspaceId, environments } });

describe('projects', () => {
  test('a project is made with its environments, shown, renamed and deleted', async () => {
    const project = await newProject('shop', [
      { name: 'prod', protectedStatus: 'protected', networkIsolationEnabled: true },
      { name: 'staging' },
    ]);
    expect(project.environmentIds).toHaveLength(2);
    expect(project.owner).toMatchObject({ id: api.workspaceId, type: 'team' });
    const params = { projectId: project.id };
    expect(await api.viewer.ok('retrieve-project', { params })).toEqual(project);
    const renamed = await api.developer.ok('update-project', { params, body: { name: 'store' } });
    expect(renamed).toMatchObject({ name: 'store', environmentIds: project.environmentIds });
    expect(renamed.updatedAt > project.updatedAt).toBe(true);
    await api.developer.ok('delete-project', { params });
    expect(await api.developer.refused('retrieve-project', { params })).toMatchObject({
      status: 404,
      message: `not found: ${project.id}`,
    });
  });

  test('a list is paged newest first and filtered by name', async () => {
    const made = [];
    for (const name of ['a1', 'a2', 'a3']) made.push(await newProject(name, []));
    const first = await api.viewer.ok('list-projects', { query: { limit: 2 } });
    expect(first.map(({ project }) => project.name)).toEqual(['a3', 'a2']);
    const next = await api.viewer.ok('list-projects', { query: { limit: 1, cursor: first[1]!.cursor } });
    expect(next.map(({ project }) => project.name)).toEqual(['a1']);
    const named = await api.viewer.ok('list-projects', { query: { name: ['a2'] } });
    expect(named.map(({ project }) => project.id)).toEqual([made[1]!.id]);
    const foreign = { ownerId: [api.foreignWorkspaceId] };
    expect(await api.viewer.ok('list-projects', { query: foreign })).toEqual([]);
  });

  test('another workspace cannot see, change or fill it', async () => {
    const project = await newProject('mine');
    const params = { projectId: project.id };
    expect((await api.foreign.refused('retrieve-project', { params })).status).toBe(404);
    expect((await api.foreign.refused('update-project', { params, body: { name: 'x' } })).status).toBe(404);
    expect((await api.foreign.refused('delete-project', { params })).status).toBe(404);
    const body = { name: 'x', ownerId: api.workspaceId, environments: [] };
    expect((await api.foreign.refused('create-project', { body })).status).toBe(404);
  });
});

describe('environments', () => {
  test('services and groups are put in, shown, and taken out again', async () => {
    const project = await newProject('with-resources');
    const environmentId = project.environmentIds[0]!;
    const group = await api.developer.ok('create-env-group', {
      body: { name: 'shared', ownerId: api.workspaceId, envVars: [] },
    });
    const filled = await api.developer.ok('add-resources-to-environment', {
      params: { environmentId },
      body: { resourceIds: [api.serviceId, group.id] },
    });
    expect(filled).toMatchObject({ serviceIds: [api.serviceId], envGroupIds: [group.id], databasesIds: [] });
    const listed = await api.viewer.ok('list-services', { query: { environmentId: [environmentId] } });
    expect(listed.map(({ service }) => service.id)).toEqual([api.serviceId]);
    const held = await api.developer.refused('delete-environment', { params: { environmentId } });
    expect(held).toMatchObject({ status: 409 });
    expect(held.message).toContain(api.serviceId);
    await api.developer.ok('remove-resources-from-environment', {
      params: { environmentId },
      query: { resourceIds: [api.serviceId, group.id] },
    });
    await api.developer.ok('delete-environment', { params: { environmentId } });
    expect((await api.viewer.refused('retrieve-environment', { params: { environmentId } })).status).toBe(
      404,
    );
  });

  test('the settings are changed one by one', async () => {
    const project = await newProject('settings', []);
    const made = await api.developer.ok('create-environment', {
      body: {
        name: 'staging',
        projectId: project.id,
        ipAllowList: [{ cidrBlock: '10.0.0.0/8', description: 'office' }],
      },
    });
    expect(made).toMatchObject({ protectedStatus: 'unprotected', networkIsolationEnabled: false });
    const changed = await api.developer.ok('update-environment', {
      params: { environmentId: made.id },
      body: { protectedStatus: 'protected' },
    });
    expect(changed).toEqual({ ...made, protectedStatus: 'protected' });
    const listed = await api.viewer.ok('list-environments', { query: { projectId: [project.id] } });
    expect(listed.map(({ environment }) => environment)).toEqual([changed]);
  });

  test('a resource of another workspace cannot be put in', async () => {
    const project = await newProject('closed');
    const answer = await api.developer.refused('add-resources-to-environment', {
      params: { environmentId: project.environmentIds[0]! },
      body: { resourceIds: [api.serviceId, api.foreignServiceId] },
    });
    expect(answer).toMatchObject({ status: 404, message: `not found: ${api.foreignServiceId}` });
    const environment = await api.viewer.ok('retrieve-environment', {
      params: { environmentId: project.environmentIds[0]! },
    });
    // Nothing of a refused request stays.
    expect(environment.serviceIds).toEqual([]);
  });
});
