import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../src/api/contract-types.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

const entries = async (action: string): Promise<AuditEntry[]> => {
  const listed = await api.admin.ok('list-audit-entries', { query: { action: [action], limit: 100 } });
  return listed.map(({ auditEntry }) => auditEntry);
};

describe('the audit log', () => {
  test('tells who made what, when, from where, and with which answer', async () => {
    const answer = await api.developer.call('post-job', {
      params: { serviceId: api.serviceId },
      body: { startCommand: 'true' },
    });
    const job = answer.body as { id: string; createdAt: string };
    const [entry] = await entries('post-job');
    expect(entry).toEqual({
      id: expect.stringMatching(/^aud-/),
      timestamp: expect.stringMatching(/Z$/),
      keyId: expect.stringMatching(/^key-/),
      keyName: 'dev',
      action: 'post-job',
      target: `${api.serviceId}/${job.id}`,
      status: 201,
      ipAddress: '127.0.0.1',
      requestId: answer.headers['x-request-id'],
    });
  });

  test('has every change and every read of a secret, and no plain read', async () => {
    const params = { serviceId: api.serviceId, envVarKey: 'AUDITED' };
    await api.developer.ok('update-env-var', { params, body: { value: 'the-audited-value' } });
    await api.developer.ok('retrieve-env-var', { params });
    await api.developer.ok('get-env-vars-for-service', { params });
    await api.developer.ok('retrieve-service', { params });
    expect(await entries('update-env-var')).toMatchObject([
      { target: `${api.serviceId}/AUDITED`, status: 200 },
    ]);
    expect(await entries('retrieve-env-var')).toMatchObject([{ status: 200 }]);
    expect(await entries('get-env-vars-for-service')).toHaveLength(1);
    expect(await entries('retrieve-service')).toEqual([]);
    const all = await api.admin.ok('list-audit-entries', { query: { limit: 100 } });
    expect(JSON.stringify(all)).not.toContain('the-audited-value');
  });

  test('has what was refused, with the reason', async () => {
    await api.viewer.call('suspend-service', { params: { serviceId: api.serviceId } });
    await api.developer.call('delete-service', { params: { serviceId: api.foreignServiceId } });
    const [forbidden] = await eventually(async () => {
      const found = await entries('suspend-service');
      return found.length > 0 && found;
    });
    expect(forbidden).toMatchObject({
      keyName: 'view',
      status: 403,
      message: expect.stringContaining('viewer'),
    });
    const [missing] = await eventually(async () => {
      const found = await entries('delete-service');
      return found.length > 0 && found;
    });
    expect(missing).toMatchObject({ status: 404, target: api.foreignServiceId });
  });

  test('names what an idempotent request made, and that it was asked for again', async () => {
    const send = () =>
      api.developer.ok('create-project', {
        body: { name: 'audited', ownerId: api.workspaceId, environments: [] },
        headers: { 'idempotency-key': 'audited' },
      });
    const project = await send();
    await send();
    expect((await entries('create-project')).map(({ target }) => target)).toEqual([project.id, project.id]);
  });

  test('belongs to its workspace and is for admins alone', async () => {
    await api.foreign.ok('create-key', { body: { name: 'theirs', role: 'viewer' } });
    expect(JSON.stringify(await entries('create-key'))).not.toContain('theirs');
    const theirs = await api.foreign.ok('list-audit-entries', { query: { action: ['post-job'] } });
    expect(theirs).toEqual([]);
    expect((await api.developer.refused('list-audit-entries')).status).toBe(403);
  });

  test('is paged newest first and narrowed by time and key', async () => {
    for (let call = 0; call < 5; call += 1) {
      await api.developer.ok('update-service', { params: { serviceId: api.serviceId }, body: {} });
    }
    const query = { action: ['update-service'], limit: 3 };
    const first = await api.admin.ok('list-audit-entries', { query });
    const rest = await api.admin.ok('list-audit-entries', { query: { ...query, cursor: first[2]!.cursor } });
    const times = [...first, ...rest].map(({ auditEntry }) => auditEntry.timestamp);
    expect(times).toEqual([...times].sort().reverse());
    expect(times).toHaveLength(5);
    const narrowed = await api.admin.ok('list-audit-entries', {
      query: { action: ['update-service'], after: times[2]!, keyId: [first[0]!.auditEntry.keyId] },
    });
    expect(narrowed.map(({ auditEntry }) => auditEntry.timestamp)).toEqual(times.slice(0, 2));
  });
});
