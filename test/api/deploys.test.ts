import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Deploy } from '../../src/api/contract-types.ts';
import { type ServiceApi, startServiceApi } from '../support/api-service.ts';
import { eventually } from '../support/eventually.ts';

let api: ServiceApi;

beforeAll(async () => {
  api = await startServiceApi();
});
afterAll(() => api.close());

const create = async (serviceId: string, body: unknown = {}): Promise<Deploy> =>
  (await api.admin.ok('create-deploy', { params: { serviceId }, body })) as Deploy;

async function ended(serviceId: string, deployId: string): Promise<Deploy> {
  return eventually(async () => {
    const deploy = await api.admin.ok('retrieve-deploy', { params: { serviceId, deployId } });
    return deploy.finishedAt ? deploy : undefined;
  });
}

describe('POST /services/{serviceId}/deploys', () => {
  test('answers 201 with a deploy that waits for its turn', async () => {
    const { id: serviceId } = await api.createService();
    const answer = await api.admin.call('create-deploy', { params: { serviceId }, body: {} });
    expect(answer).toMatchObject({ status: 201, body: { status: 'queued', trigger: 'api' } });
    expect((answer.body as Deploy).id).toMatch(/^dep-[0-9a-v]{20}$/);
  });

  test('needs no body', async () => {
    const { id: serviceId } = await api.createService();
    const answer = await api.admin.request({ method: 'POST', path: `/v1/services/${serviceId}/deploys` });
    expect(answer.status).toBe(201);
  });

  test.each<[string, unknown, RegExp]>([
    ['a commit that is none', { commitId: '--upload-pack=x' }, /commitId/],
    ['too short a commit', { commitId: 'abc' }, /commitId/],
    ['an image for a service with a repository', { imageUrl: 'nginx' }, /imageUrl.*commitId/],
    ['an unknown clearCache', { clearCache: 'maybe' }, /clearCache.*one of/],
  ])('refuses %s and changes nothing', async (_what, body, message) => {
    const { id: serviceId } = await api.createService();
    const refusal = await api.admin.refused('create-deploy', { params: { serviceId }, body });
    expect(refusal.status).toBe(400);
    expect(refusal.message).toMatch(message);
    expect(await api.admin.ok('list-deploys', { params: { serviceId } })).toHaveLength(1);
  });

  test('shows the image that a service runs, or the one that the request names', async () => {
    const { id: serviceId } = await api.createService({
      repo: undefined,
      image: { imagePath: 'nginx', ownerId: api.workspaceId },
      serviceDetails: { runtime: 'image', plan: 'starter' },
    });
    expect((await create(serviceId)).image).toEqual({ ref: 'docker.io/library/nginx:latest' });
    expect((await create(serviceId, { imageUrl: 'ghcr.io/team/app:2' })).image).toEqual({
      ref: 'ghcr.io/team/app:2',
    });
    expect(
      (
        await api.admin.refused('create-deploy', {
          params: { serviceId },
          body: { commitId: 'a'.repeat(40) },
        })
      ).status,
    ).toBe(400);
  });
});

describe('GET /services/{serviceId}/deploys', () => {
  test('pages newest first and filters by status and times', async () => {
    const { id: serviceId } = await api.createService();
    const deploys = [await create(serviceId), await create(serviceId)];
    const list = (query: Record<string, unknown>) =>
      api.admin.ok('list-deploys', { params: { serviceId }, query });
    const ids = async (query: Record<string, unknown>) => (await list(query)).map(({ deploy }) => deploy!.id);
    const all = await ids({});
    expect(all.slice(0, 2)).toEqual([deploys[1]!.id, deploys[0]!.id]);
    const first = await list({ limit: 2 });
    expect(await ids({ limit: 2, cursor: first[1]!.cursor })).toEqual([all[2]]);
    for (const id of all) await ended(serviceId, id);
    expect(await ids({ status: ['build_failed', 'live'] })).toEqual(all);
    expect(await ids({ status: ['live'] })).toEqual([]);
    expect(await ids({ status: ['created', 'pre_deploy_failed'] })).toEqual([]);
    expect(await ids({ createdAfter: deploys[0]!.createdAt })).toEqual([deploys[1]!.id]);
    expect(await ids({ createdBefore: deploys[0]!.createdAt })).toEqual([all[2]]);
    const last = await ended(serviceId, all[2]!);
    expect(await ids({ finishedAfter: last.finishedAt })).toEqual(all.slice(0, 2));
    expect(await ids({ finishedBefore: last.finishedAt })).toEqual([]);
    expect(await ids({ updatedAfter: last.updatedAt })).toEqual(all.slice(0, 2));
    expect(await ids({ updatedBefore: last.updatedAt })).toEqual([]);
  });
});

describe('POST /services/{serviceId}/deploys/{deployId}/cancel', () => {
  test('refuses a deploy that is over, naming its status, and changes nothing', async () => {
    const { service, deployId } = await api.admin.ok('create-service', { body: api.serviceBody() });
    const params = { serviceId: service!.id, deployId: deployId! };
    const before = await ended(params.serviceId, params.deployId);
    const refusal = await api.admin.refused('cancel-deploy', { params });
    expect(refusal).toMatchObject({ status: 400, message: expect.stringContaining('build_failed') });
    expect(await api.admin.ok('retrieve-deploy', { params })).toEqual(before);
  });

  test('finds no deploy of another service or workspace', async () => {
    const { service, deployId } = await api.admin.ok('create-service', { body: api.serviceBody() });
    const other = await api.createService();
    const elsewhere = { params: { serviceId: other.id, deployId: deployId! } };
    const here = { params: { serviceId: service!.id, deployId: deployId! } };
    for (const refusal of [
      await api.admin.refused('retrieve-deploy', elsewhere),
      await api.admin.refused('cancel-deploy', elsewhere),
      await api.foreign.refused('retrieve-deploy', here),
      await api.foreign.refused('cancel-deploy', here),
    ]) {
      expect(refusal).toMatchObject({ status: 404, message: `not found: ${deployId}` });
    }
  });
});
