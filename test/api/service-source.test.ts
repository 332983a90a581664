import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServiceApi, startServiceApi } from '../support/api-service.ts';

let api: ServiceApi;

beforeAll(async () => {
  api = await startServiceApi();
});
afterAll(() => api.close());

describe('what a service is made from', () => {
  test('tells of the registry credential that an image or a Docker build uses, and refuses one that is not there', async () => {
    const registryCredential = await api.admin.ok('create-registry-credential', {
      body: { name: 'mirror', ownerId: api.workspaceId, registry: 'DOCKER', username: 'u', authToken: 't' },
    });
    const { id } = registryCredential;
    const image = await api.createService({
      repo: undefined,
      image: { imagePath: 'nginx', ownerId: api.workspaceId, registryCredentialId: id },
      serviceDetails: { runtime: 'image', plan: 'starter' },
    });
    expect(image.registryCredential).toEqual({ id, name: 'mirror' });
    const details = (registryCredentialId: string) => ({
      runtime: 'docker',
      plan: 'starter',
      envSpecificDetails: { dockerContext: '.', dockerfilePath: './Dockerfile', registryCredentialId },
    });
    const docker = await api.createService({ serviceDetails: details(id) });
    expect(docker.serviceDetails).toMatchObject({ envSpecificDetails: { registryCredential } });
    const cron = await api.createService({
      type: 'cron_job',
      serviceDetails: {
        runtime: 'docker',
        plan: 'starter',
        schedule: '0 0 * * *',
        // The shape of an answer, which existing clients send for cron jobs.
        envSpecificDetails: {
          dockerCommand: '',
          dockerContext: '.',
          dockerfilePath: './Dockerfile',
          registryCredential,
        },
      },
    });
    expect(cron.serviceDetails).toMatchObject({ envSpecificDetails: { registryCredential } });
    const params = { serviceId: docker.id };
    const unknown = `rgc-${'0'.repeat(20)}`;
    expect(
      await api.admin.refused('update-service', { params, body: { serviceDetails: details(unknown) } }),
    ).toMatchObject({ status: 404, message: `not found: ${unknown}` });
    await api.admin.ok('delete-registry-credential', { params: { registryCredentialId: id } });
    expect(JSON.stringify(await api.admin.ok('retrieve-service', { params }))).not.toContain(id);
    await api.admin.ok('update-service', { params, body: { branch: 'other' } });
  });

  test('has no build filter where a client sends an empty one, or the nulls of one', async () => {
    const filter = { paths: ['src/**'], ignoredPaths: [] };
    const service = await api.createService({ buildFilter: { paths: null, ignoredPaths: null } });
    expect(service).not.toHaveProperty('buildFilter');
    const change = (buildFilter: unknown) =>
      api.admin.ok('update-service', { params: { serviceId: service.id }, body: { buildFilter } });
    expect((await change({ paths: ['src/**'], ignoredPaths: null })).buildFilter).toEqual(filter);
    expect((await change(undefined)).buildFilter).toEqual(filter);
    expect(await change({ paths: [], ignoredPaths: [] })).not.toHaveProperty('buildFilter');
  });
});
