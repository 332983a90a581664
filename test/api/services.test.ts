import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '../../src/api/contract-types.ts';
import { type ServiceApi, startServiceApi } from '../support/api-service.ts';

let api: ServiceApi;

beforeAll(async () => {
  api = await startServiceApi();
});
afterAll(() => api.close());

const details = (service: Service) => service.serviceDetails as Record<string, unknown>;
const idOf = (service: Service) => ({ params: { serviceId: service.id } });
const eventsOf = (service: Service) =>
  api.server.running.context.database.read
    .selectFrom('events')
    .select(['type', 'details'])
    .where('service_id', '=', service.id)
    .where('type', 'not like', 'deploy_%')
    .where('type', 'not like', 'build_%')
    .orderBy('created_at')
    .execute();

describe('POST /services', () => {
  test('answers 201 with the service, defaults filled in, and its first deploy', async () => {
    const body = api.serviceBody({ branch: 'main', name: 'My API!' });
    const { status, body: answer } = await api.admin.call('create-service', { body });
    expect(status).toBe(201);
    const { service, deployId } = answer as { service: Service; deployId: string };
    expect(service).toMatchObject({
      autoDeploy: 'yes',
      autoDeployTrigger: 'commit',
      branch: 'main',
      name: 'My API!',
      notifyOnFail: 'default',
      ownerId: api.workspaceId,
      repo: 'file:///nowhere/team/app',
      rootDir: '',
      suspended: 'not_suspended',
      suspenders: [],
      type: 'web_service',
      serviceDetails: {
        buildPlan: 'starter',
        env: 'node',
        envSpecificDetails: { buildCommand: 'true', startCommand: 'node .' },
        healthCheckPath: '',
        numInstances: 1,
        plan: 'starter',
        region: 'oregon',
        runtime: 'node',
      },
    });
    expect(service.id).toMatch(/^srv-[0-9a-v]{20}$/);
    expect(service.slug).toMatch(/^my-api-[a-z0-9]{4}$/);
    const deploy = await api.admin.ok('retrieve-deploy', { params: { serviceId: service.id, deployId } });
    expect(deploy.trigger).toBe('other');
    expect(await api.admin.ok('retrieve-service', idOf(service))).toEqual(service);
  });

  test('gives a cron job an id of its own kind', async () => {
    const service = await api.createService({
      type: 'cron_job',
      serviceDetails: {
        runtime: 'python',
        schedule: '0 4 * * *',
        envSpecificDetails: { buildCommand: '', startCommand: 'python job.py' },
      },
    });
    expect(service.id).toMatch(/^crn-[0-9a-v]{20}$/);
    expect(details(service)['schedule']).toBe('0 4 * * *');
  });

  test('takes what existing clients send for an image: nulls, empty texts and empty objects', async () => {
    const service = await api.createService({
      type: 'cron_job',
      repo: undefined,
      envVars: null,
      secretFiles: null,
      image: { imagePath: 'nginx', ownerId: '' },
      serviceDetails: {
        envSpecificDetails: {
          dockerCommand: '',
          dockerContext: '',
          dockerfilePath: '',
          registryCredential: {
            id: '',
            name: '',
            registry: '',
            updatedAt: '0001-01-01T00:00:00Z',
            username: '',
          },
        },
        plan: 'starter',
        region: 'oregon',
        runtime: 'image',
        schedule: '0 0 * * *',
      },
    });
    expect(service.imagePath).toBe('docker.io/library/nginx:latest');
    expect(service.serviceDetails).toEqual({
      buildPlan: 'starter',
      env: 'image',
      envSpecificDetails: { dockerCommand: '', dockerContext: '', dockerfilePath: '' },
      plan: 'starter',
      region: 'oregon',
      runtime: 'image',
      schedule: '0 0 * * *',
    });
  });

  test('returns what it does not act on as it was given', async () => {
    const given = {
      autoscaling: {
        enabled: true,
        min: 1,
        max: 3,
        criteria: {
          cpu: { enabled: true, percentage: 60 },
          memory: { enabled: false, percentage: 70 },
        },
      },
      healthCheckPath: '/healthz',
      maintenanceMode: { enabled: true, uri: 'https://example.com/down' },
      maxShutdownDelaySeconds: 120,
      numInstances: 2,
      plan: 'pro',
      previews: { generation: 'manual' },
      pullRequestPreviewsEnabled: 'yes',
      region: 'frankfurt',
      renderSubdomainPolicy: 'disabled',
      runtime: 'ruby',
    };
    const buildFilter = { paths: ['src/**'], ignoredPaths: ['docs/**'] };
    const service = await api.createService({
      buildFilter,
      autoDeploy: 'no',
      rootDir: './apps//web/',
      serviceDetails: {
        ...given,
        preDeployCommand: 'bin/migrate',
        disk: { name: 'data', mountPath: '/data', sizeGB: 5 },
        envSpecificDetails: { buildCommand: 'b', startCommand: 's' },
      },
    });
    expect(service).toMatchObject({
      buildFilter,
      autoDeploy: 'no',
      autoDeployTrigger: 'off',
      rootDir: './apps//web/',
    });
    expect(service.serviceDetails).toMatchObject({
      ...given,
      envSpecificDetails: { buildCommand: 'b', startCommand: 's', preDeployCommand: 'bin/migrate' },
      disk: { id: expect.stringMatching(/^dsk-/), name: 'data', mountPath: '/data', sizeGB: 5 },
    });
  });

  test('keeps fields that the contract does not name out of its answers', async () => {
    const service = await api.createService({
      surprise: 1,
      serviceDetails: {
        runtime: 'node',
        plan: 'starter',
        surprise: 2,
        previews: { generation: 'off', more: 3 },
      },
    });
    expect(JSON.stringify(service)).not.toMatch(/surprise|more/);
  });

  test('keeps a token in the address of the repository to itself', async () => {
    const service = await api.createService({ repo: 'https://user:tok-marker-1@git.invalid:9/team/app.git' });
    expect(service.repo).toBe('https://git.invalid:9/team/app.git');
    const row = await api.server.running.context.database.read
      .selectFrom('services')
      .selectAll()
      .where('id', '=', service.id)
      .executeTakeFirst();
    expect(JSON.stringify(row)).not.toContain('tok-marker-1');
    const output = await api.server.output(service.id);
    expect([...output, ...api.server.logLines].join('\n')).not.toContain('tok-marker-1');
  });

  test.each<[string, Record<string, unknown>, number, RegExp]>([
    ['a static site', { type: 'static_site' }, 400, /static_site.*web_service, private_service/s],
    ['an unknown type', { type: 'lambda' }, 400, /type/],
    ['no name', { name: undefined }, 400, /name is required/],
    ['an empty name', { name: '' }, 400, /name/],
    ['a name that is an id', { name: 'srv-d0ibm74fu1ps73eu3mkg' }, 400, /not be an id/],
    ['no workspace', { ownerId: '' }, 400, /ownerId/],
    [
      'another workspace',
      { ownerId: 'tea-d0ibm74fu1ps73eu3mkg' },
      404,
      /^not found: tea-d0ibm74fu1ps73eu3mkg$/,
    ],
    ['no repository', { repo: undefined }, 400, /repo is required/],
    ['a branch that is an option', { branch: '--upload-pack=x' }, 400, /branch.*--upload-pack=x/],
    ['a branch with dots', { branch: 'a..b' }, 400, /branch/],
    ['a branch with a space', { branch: 'a b' }, 400, /branch/],
    ['a root folder outside', { rootDir: '../other' }, 400, /rootDir/],
    ['a root folder outside in disguise', { rootDir: 'a/../../b' }, 400, /rootDir/],
    ['an absolute root folder', { rootDir: '/etc' }, 400, /rootDir/],
    ['plain http', { repo: 'http://example.com/a/b' }, 400, /repo/],
    ['the git protocol', { repo: 'git://example.com/a/b' }, 400, /repo/],
    ['a repository that is a program', { repo: 'ext::sh -c id' }, 400, /repo/],
    ['a repository that is an option', { repo: '--upload-pack=x' }, 400, /repo/],
    ['an ssh host that is an option', { repo: 'ssh://-oProxyCommand=x/a' }, 400, /repo/],
    ['an scp path that is an option', { repo: 'git@host:-x' }, 400, /repo/],
    ['a relative path', { repo: 'team/app' }, 400, /repo/],
    ['an unknown runtime', { serviceDetails: { runtime: 'cobol', plan: 'starter' } }, 400, /runtime.*one of/],
    ['no runtime', { serviceDetails: { plan: 'starter' } }, 400, /runtime is required/],
    ['an unknown plan', { serviceDetails: { runtime: 'node', plan: 'huge' } }, 400, /plan.*one of/],
    [
      'too long a shutdown',
      { serviceDetails: { runtime: 'node', plan: 'starter', maxShutdownDelaySeconds: 301 } },
      400,
      /maxShutdownDelaySeconds.*1 to 300/,
    ],
    [
      'a cron job without a schedule',
      { type: 'cron_job', serviceDetails: { runtime: 'node' } },
      400,
      /schedule/,
    ],
    [
      'a schedule that is none',
      { type: 'cron_job', serviceDetails: { runtime: 'node', schedule: 'daily' } },
      400,
      /five fields/,
    ],
    ['an image that is none', { image: { imagePath: 'No Image', ownerId: '' } }, 400, /image/],
    ['a variable with =', { envVars: [{ key: 'A=B', value: '1' }] }, 400, /A=B/],
    ['a secret file outside', { secretFiles: [{ name: '../x', content: '1' }] }, 400, /secret file/],
  ])('refuses %s and changes nothing', async (_what, more, status, message) => {
    const before = await api.admin.ok('list-services', { query: { limit: 100 } });
    const refusal = await api.admin.refused('create-service', { body: api.serviceBody(more) });
    expect(refusal.status).toBe(status);
    expect(refusal.message).toMatch(message);
    expect(await api.admin.ok('list-services', { query: { limit: 100 } })).toEqual(before);
  });

  test('refuses a name that is in use with 409, until its holder is deleted', async () => {
    const holder = await api.createService({ name: 'taken' });
    const refusal = await api.admin.refused('create-service', { body: api.serviceBody({ name: 'taken' }) });
    expect(refusal).toMatchObject({ status: 409, message: expect.stringContaining(holder.id) });
    await api.admin.ok('delete-service', idOf(holder));
    expect((await api.createService({ name: 'taken' })).id).not.toBe(holder.id);
  });

  test('refuses a body that is missing or no JSON', async () => {
    const missing = await api.admin.request({ method: 'POST', path: '/v1/services' });
    const broken = await api.admin.request({ method: 'POST', path: '/v1/services', body: '{"type":' });
    expect([missing.status, broken.status]).toEqual([400, 400]);
  });
});

describe('GET /services', () => {
  const names = async (query: Record<string, unknown>): Promise<string[]> =>
    (await api.admin.ok('list-services', { query: { limit: 100, ...query } })).map(
      ({ service }) => service.name,
    );

  test('pages newest first without gap or repetition while services are added', async () => {
    for (let n = 0; n < 5; n += 1) await api.createService({ name: `paged-${n}` });
    const first = await api.admin.ok('list-services', { query: { limit: 3 } });
    expect(first.map(({ service }) => service.name)).toEqual(['paged-4', 'paged-3', 'paged-2']);
    await api.createService({ name: 'paged-later' });
    const second = await api.admin.ok('list-services', { query: { limit: 2, cursor: first.at(-1)!.cursor } });
    expect(second.map(({ service }) => service.name)).toEqual(['paged-1', 'paged-0']);
  });

  test('filters by every field', async () => {
    const project = await api.admin.ok('create-project', {
      body: { name: 'shop', ownerId: api.workspaceId, environments: [{ name: 'production' }] },
    });
    const environmentId = project.environmentIds[0]!;
    const worker = await api.createService({
      type: 'private_service',
      name: 'filtered-worker',
      environmentId,
      serviceDetails: { runtime: 'elixir', numInstances: 1, region: 'ohio' },
    });
    await api.createService({ name: 'filtered-web' });
    expect(await names({ name: ['filtered-worker', 'filtered-web'] })).toEqual([
      'filtered-web',
      'filtered-worker',
    ]);
    expect(await names({ type: ['private_service'] })).toEqual(['filtered-worker']);
    expect(await names({ type: ['static_site'] })).toEqual([]);
    expect(await names({ env: ['elixir', 'go'] })).toEqual(['filtered-worker']);
    expect(await names({ region: ['ohio'] })).toEqual(['filtered-worker']);
    expect(await names({ environmentId: [environmentId] })).toEqual(['filtered-worker']);
    expect(await names({ createdBefore: worker.createdAt, name: ['filtered-worker'] })).toEqual([]);
    expect(await names({ createdAfter: worker.createdAt })).toEqual(['filtered-web']);
    expect(await names({ updatedAfter: worker.updatedAt })).toEqual(['filtered-web']);
    expect(await names({ updatedBefore: worker.updatedAt, type: ['private_service'] })).toEqual([]);
    expect(await names({ ownerId: ['tea-d0ibm74fu1ps73eu3mkg'] })).toEqual([]);
    expect(await names({ ownerId: [api.workspaceId], type: ['private_service'] })).toEqual([
      'filtered-worker',
    ]);
    await api.admin.ok('suspend-service', idOf(worker));
    expect(await names({ suspended: ['suspended'] })).toEqual(['filtered-worker']);
    expect(await names({ suspended: ['not_suspended'], type: ['private_service'] })).toEqual([]);
  });

  test('shows nothing of another workspace', async () => {
    const seen = await api.foreign.ok('list-services', { query: { limit: 100 } });
    expect(seen.map(({ service }) => service.id)).toEqual([api.foreignServiceId]);
    expect(await api.foreign.ok('list-services', { query: { ownerId: [api.workspaceId] } })).toEqual([]);
  });
});

describe('PATCH /services/{serviceId}', () => {
  test('changes what is given and nothing else', async () => {
    const service = await api.createService({ branch: 'main' });
    const updated = await api.admin.ok('update-service', {
      ...idOf(service),
      body: {
        name: 'renamed',
        branch: 'next',
        serviceDetails: { plan: 'pro', envSpecificDetails: { buildCommand: 'make' } },
      },
    });
    const { name, branch, updatedAt, serviceDetails, ...rest } = updated;
    expect(service).toMatchObject(rest);
    expect({ name, branch }).toEqual({ name: 'renamed', branch: 'next' });
    expect(updatedAt > service.updatedAt).toBe(true);
    expect(serviceDetails).toEqual({
      ...service.serviceDetails,
      plan: 'pro',
      envSpecificDetails: { buildCommand: 'make', startCommand: 'node .' },
    });
    expect(await api.admin.ok('retrieve-service', idOf(service))).toEqual(updated);
  });

  test('tells of a changed plan by an event', async () => {
    const service = await api.createService();
    await api.admin.ok('update-service', {
      ...idOf(service),
      body: { serviceDetails: { plan: 'standard' } },
    });
    await api.admin.ok('update-service', {
      ...idOf(service),
      body: { serviceDetails: { plan: 'standard' } },
    });
    expect(await eventsOf(service)).toEqual([
      { type: 'plan_changed', details: JSON.stringify({ from: 'starter', to: 'standard' }) },
    ]);
  });

  test.each([
    ['a bad branch', { branch: '-x' }, 400],
    ['a bad plan', { serviceDetails: { plan: 'huge' } }, 400],
    ['a health check path that is no path', { serviceDetails: { healthCheckPath: 'x' } }, 400],
    ['an empty name', { name: '' }, 400],
  ])('refuses %s and changes nothing', async (_what, body, status) => {
    const service = await api.createService();
    expect((await api.admin.refused('update-service', { ...idOf(service), body })).status).toBe(status);
    expect(await api.admin.ok('retrieve-service', idOf(service))).toEqual(service);
  });

  test('refuses the name of another service', async () => {
    const other = await api.createService();
    const service = await api.createService();
    const refusal = await api.admin.refused('update-service', {
      ...idOf(service),
      body: { name: other.name },
    });
    expect(refusal.status).toBe(409);
  });
});

describe('suspending and resuming', () => {
  test('shows in the service and its events, once each', async () => {
    const service = await api.createService();
    for (const id of ['suspend-service', 'suspend-service'] as const) {
      expect((await api.admin.call(id, idOf(service))).status).toBe(202);
    }
    expect(await api.admin.ok('retrieve-service', idOf(service))).toMatchObject({
      suspended: 'suspended',
      suspenders: ['user'],
    });
    await api.admin.ok('resume-service', idOf(service));
    expect(await api.admin.ok('retrieve-service', idOf(service))).toMatchObject({
      suspended: 'not_suspended',
      suspenders: [],
    });
    expect((await eventsOf(service)).map(({ type }) => type)).toEqual([
      'service_suspended',
      'service_resumed',
    ]);
  });
});

describe('DELETE /services/{serviceId}', () => {
  test('answers 204; the service is gone, its deploys stay readable, its values are erased', async () => {
    const service = await api.createService({ envVars: [{ key: 'A', value: '1' }] });
    expect((await api.admin.call('delete-service', idOf(service))).status).toBe(204);
    const gone = await api.admin.refused('retrieve-service', idOf(service));
    expect(gone).toMatchObject({ status: 404, message: `not found: ${service.id}` });
    expect((await api.admin.refused('delete-service', idOf(service))).status).toBe(404);
    expect((await api.admin.refused('create-deploy', { ...idOf(service), body: {} })).status).toBe(404);
    expect(await api.admin.ok('list-deploys', idOf(service))).toHaveLength(1);
    const left = await api.server.running.context.database.read
      .selectFrom('env_vars')
      .select('key')
      .where('owner_id', '=', service.id)
      .execute();
    expect(left).toEqual([]);
  });
});

describe('a service of another workspace', () => {
  test('is not found by any operation', async () => {
    const service = await api.createService();
    const { params } = idOf(service);
    const refusals = [
      await api.foreign.refused('retrieve-service', { params }),
      await api.foreign.refused('update-service', { params, body: { name: 'mine' } }),
      await api.foreign.refused('delete-service', { params }),
      await api.foreign.refused('suspend-service', { params }),
      await api.foreign.refused('resume-service', { params }),
      await api.foreign.refused('create-deploy', { params, body: {} }),
      await api.foreign.refused('list-deploys', { params }),
      await api.foreign.refused('get-env-vars-for-service', { params }),
      await api.foreign.refused('update-env-vars-for-service', { params, body: [] }),
      await api.foreign.refused('list-secret-files-for-service', { params }),
      await api.foreign.refused('update-secret-files-for-service', { params, body: [] }),
    ];
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ status: 404, message: `not found: ${service.id}` });
    }
    expect(await api.admin.ok('retrieve-service', { params })).toEqual(service);
  });
});
