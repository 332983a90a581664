/** What clients manage beside a service: disks, domains, credentials, notifications, webhooks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

describe('disks', () => {
  const add = (serviceId: string, more: object = {}) =>
    api.developer.call('add-disk', {
      body: { name: 'data', sizeGB: 2, mountPath: '/var/data', serviceId, ...more },
    });

  test('are recorded with their service, grow, and are told of as events', async () => {
    const serviceId = await api.seed();
    const disk = (await add(serviceId)).body as { id: string; createdAt: string };
    const params = { diskId: disk.id };
    const service = await api.viewer.ok('retrieve-service', { params: { serviceId } });
    expect(service.serviceDetails).toMatchObject({
      disk: { id: disk.id, sizeGB: 2, mountPath: '/var/data' },
    });
    const grown = await api.developer.ok('update-disk', { params, body: { sizeGB: 5, name: 'big' } });
    expect(grown).toMatchObject({ id: disk.id, sizeGB: 5, name: 'big', createdAt: disk.createdAt });
    expect(await api.viewer.ok('list-disks', { query: { serviceId: [serviceId] } })).toMatchObject([
      { disk: grown },
    ]);
    await api.developer.ok('delete-disk', { params });
    const after = await api.viewer.ok('retrieve-service', { params: { serviceId } });
    expect(after.serviceDetails).not.toHaveProperty('disk');
    const events = await api.viewer.ok('list-events', { params: { serviceId } });
    expect(events.map(({ event }) => event.type)).toEqual(['disk_deleted', 'disk_updated', 'disk_created']);
    // The contract declares one type; existing clients join several.
    for (const types of ['type=disk_deleted,disk_created', 'type=disk_deleted&type=disk_created']) {
      const path = `/v1/services/${serviceId}/events?${types}`;
      const some = (await api.viewer.request({ method: 'GET', path })).body as { event: { type: string } }[];
      expect(some.map(({ event }) => event.type)).toEqual(['disk_deleted', 'disk_created']);
    }
    const path = `/v1/services/${serviceId}/events?type=disk_deleted,bogus`;
    expect((await api.viewer.request({ method: 'GET', path })).status).toBe(400);
  });

  test('given with a new service are the same disk', async () => {
    const { service } = await api.developer.ok('create-service', {
      body: {
        type: 'private_service',
        name: 'with-disk',
        ownerId: api.workspaceId,
        repo: 'file:///nowhere/team/app',
        serviceDetails: {
          runtime: 'node',
          plan: 'starter',
          envSpecificDetails: { buildCommand: 'true', startCommand: 'true' },
          disk: { name: 'own', mountPath: '/data', sizeGB: 1 },
        },
      },
    });
    const [listed] = await api.viewer.ok('list-disks', { query: { serviceId: [service!.id] } });
    expect(service!.serviceDetails).toMatchObject({ disk: { id: listed!.disk.id, name: 'own' } });
    await api.developer.ok('delete-service', { params: { serviceId: service!.id } });
    expect((await api.viewer.refused('retrieve-disk', { params: { diskId: listed!.disk.id } })).status).toBe(
      404,
    );
  });

  test('are refused where they make no sense, and nothing changes', async () => {
    const serviceId = await api.seed();
    const cronId = await api.seed({ type: 'cron_job' });
    expect((await add(serviceId, { sizeGB: 0 })).status).toBe(400);
    expect((await add(serviceId, { mountPath: 'var' })).status).toBe(400);
    expect((await add(cronId)).status).toBe(400);
    expect((await add(api.foreignServiceId)).status).toBe(404);
    const { id } = (await add(serviceId)).body as { id: string };
    expect((await add(serviceId)).status).toBe(409);
    const shrunk = await api.developer.refused('update-disk', {
      params: { diskId: id },
      body: { sizeGB: 1 },
    });
    expect(shrunk).toMatchObject({ status: 400, message: expect.stringContaining('only grows') });
    expect(await api.viewer.ok('retrieve-disk', { params: { diskId: id } })).toMatchObject({ sizeGB: 2 });
  });
});

describe('custom domains', () => {
  test('are recorded, found by name and id, and never verified', async () => {
    const serviceId = await api.seed({ type: 'web_service' });
    const made = await api.developer.ok('create-custom-domain', {
      params: { serviceId },
      body: { name: 'App.Example.com' },
    });
    expect(made).toMatchObject([
      { name: 'app.example.com', domainType: 'subdomain', verificationStatus: 'unverified' },
    ]);
    for (const customDomainNameOrID of [made[0]!.id, 'app.example.com']) {
      const params = { serviceId, customDomainNameOrID };
      expect(await api.viewer.ok('retrieve-custom-domain', { params })).toEqual(made[0]);
    }
    const query = { domainType: 'apex' as const };
    expect(await api.viewer.ok('list-custom-domains', { params: { serviceId }, query })).toEqual([]);
    const params = { serviceId, customDomainNameOrID: 'app.example.com' };
    await api.developer.ok('refresh-custom-domain', { params });
    await api.developer.ok('delete-custom-domain', { params });
    expect((await api.viewer.refused('retrieve-custom-domain', { params })).status).toBe(404);
  });

  test.each(['', 'nodots', 'a..b', '-a.com', 'a b.com', `${'x'.repeat(64)}.com`, '*.*.com', 'https://a.com'])(
    '%j is no domain name',
    async (name) => {
      const serviceId = await api.seed({ type: 'web_service' });
      const answer = await api.developer.refused('create-custom-domain', {
        params: { serviceId },
        body: { name },
      });
      expect(answer).toMatchObject({ status: 400, message: expect.stringContaining('domain name') });
    },
  );

  test('are for web services alone, and unique in a workspace', async () => {
    const add = (serviceId: string) =>
      api.developer.call('create-custom-domain', {
        params: { serviceId },
        body: { name: 'one.example.com' },
      });
    expect((await add(await api.seed())).status).toBe(400);
    expect((await add(await api.seed({ type: 'web_service' }))).status).toBe(201);
    expect((await add(await api.seed({ type: 'web_service' }))).status).toBe(409);
  });
});

describe('registry credentials', () => {
  test('are stored, replaced and erased; the token is never shown', async () => {
    const token = 'a-very-secret-registry-token';
    const body = { registry: 'DOCKER', name: 'hub', username: 'me', authToken: token };
    const made = await api.developer.ok('create-registry-credential', {
      body: { ...body, ownerId: api.workspaceId },
    });
    const params = { registryCredentialId: made.id };
    const shown = [
      made,
      await api.viewer.ok('retrieve-registry-credential', { params }),
      await api.viewer.ok('list-registry-credentials'),
      await api.developer.ok('update-registry-credential', { params, body: { ...body, username: 'you' } }),
    ];
    expect(JSON.stringify(shown)).not.toContain(token);
    expect(await api.viewer.ok('retrieve-registry-credential', { params })).toMatchObject({
      username: 'you',
    });
    expect(await api.viewer.ok('list-registry-credentials', { query: { type: ['GITHUB'] } })).toEqual([]);
    await api.developer.ok('delete-registry-credential', { params });
    expect((await api.viewer.refused('retrieve-registry-credential', { params })).status).toBe(404);
  });

  test('without a token or with an unknown registry are refused', async () => {
    const body = { registry: 'DOCKER', name: 'x', username: 'x', authToken: '', ownerId: api.workspaceId };
    expect((await api.developer.refused('create-registry-credential', { body })).status).toBe(400);
    const odd = { ...body, authToken: 't', registry: 'QUAY' };
    expect((await api.developer.refused('create-registry-credential', { body: odd })).status).toBe(400);
  });
});

describe('notification settings', () => {
  test('have defaults and are changed one by one', async () => {
    const params = { ownerId: api.workspaceId };
    const before = await api.viewer.ok('retrieve-owner-notification-settings', { params });
    expect(before).toMatchObject({ slackEnabled: false, notificationsToSend: 'failure' });
    const after = await api.developer.ok('patch-owner-notification-settings', {
      params,
      body: { emailEnabled: true },
    });
    expect(after).toEqual({ ...before, emailEnabled: true });
  });

  test('are overridden by service; only what was set is listed', async () => {
    const serviceId = await api.seed();
    const params = { serviceId };
    const defaults = { serviceId, notificationsToSend: 'default', previewNotificationsEnabled: 'default' };
    expect(await api.viewer.ok('retrieve-service-notification-overrides', { params })).toEqual(defaults);
    const query = { serviceId: [serviceId] };
    expect(await api.viewer.ok('list-notification-overrides', { query })).toEqual([]);
    const changed = await api.developer.ok('patch-service-notification-overrides', {
      params,
      body: { notificationsToSend: 'all' },
    });
    expect(changed).toEqual({ ...defaults, notificationsToSend: 'all' });
    expect(await api.viewer.ok('list-notification-overrides', { query })).toMatchObject([
      { override: changed },
    ]);
  });
});

describe('webhooks', () => {
  const body = (more: object = {}) => ({
    ownerId: api.workspaceId,
    url: 'https://example.com/hook',
    name: 'hook',
    enabled: true,
    eventFilter: ['job_run_ended'],
    ...more,
  });

  test('are made with a secret to sign by, changed and erased', async () => {
    const made = await api.developer.ok('create-webhook', { body: body() });
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const params = { webhookId: made.id };
    const changed = await api.developer.ok('update-webhook', {
      params,
      body: { enabled: false, eventFilter: [] },
    });
    expect(changed).toEqual({ ...made, enabled: false, eventFilter: [] });
    expect(await api.developer.ok('list-webhooks')).toMatchObject([{ webhook: changed }]);
    expect(await api.viewer.ok('list-webhook-events', { params })).toEqual([]);
    expect((await api.viewer.refused('retrieve-webhook', { params })).status).toBe(403);
    await api.developer.ok('delete-webhook', { params });
    expect((await api.developer.refused('retrieve-webhook', { params })).status).toBe(404);
  });

  test('a filter of null means all events, as existing clients send it', async () => {
    expect(await api.developer.ok('create-webhook', { body: body({ eventFilter: null }) })).toMatchObject({
      eventFilter: [],
    });
  });

  test('null takes the filter away, a change without it leaves it', async () => {
    const made = await api.developer.ok('create-webhook', { body: body({ eventFilter: ['job_run_ended'] }) });
    const change = (changes: object) =>
      api.developer.ok('update-webhook', { params: { webhookId: made.id }, body: changes });
    expect(await change({ name: 'other' })).toMatchObject({ eventFilter: ['job_run_ended'] });
    expect(await change({ name: 'other', eventFilter: null })).toMatchObject({ eventFilter: [] });
  });

  test.each(['', 'example.com', 'ftp://example.com', 'https://user:pass@example.com', 'file:///etc/passwd'])(
    'the address %j is refused',
    async (url) => {
      expect((await api.developer.refused('create-webhook', { body: body({ url }) })).status).toBe(400);
    },
  );
});

describe('kinds that are not run here', () => {
  test.each(['postgres', 'key-value', 'redis', 'workflows', 'blueprints'])(
    '%s lists nothing',
    async (kind) => {
      const listed = await api.viewer.request({ method: 'GET', path: `/v1/${kind}?limit=100&ownerId=x` });
      expect(listed).toMatchObject({ status: 200, body: [] });
      const one = await api.viewer.request({ method: 'GET', path: `/v1/${kind}/dpg-xyz` });
      expect(one).toMatchObject({ status: 404, body: { message: 'not found: dpg-xyz' } });
      expect((await api.stranger.request({ method: 'GET', path: `/v1/${kind}` })).status).toBe(401);
    },
  );
});
