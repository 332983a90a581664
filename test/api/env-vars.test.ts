import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { resolveEnvironment } from '../../src/services/environment.ts';
import { type ServiceApi, startServiceApi } from '../support/api-service.ts';

let api: ServiceApi;
let serviceId: string;

beforeAll(async () => {
  api = await startServiceApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  serviceId = (await api.createService()).id;
});

const put = (body: unknown) => api.admin.ok('update-env-vars-for-service', { params: { serviceId }, body });
const list = (query: { limit?: number; cursor?: string } = {}) =>
  api.admin.ok('get-env-vars-for-service', { params: { serviceId }, query });
const one = (envVarKey: string) => ({ params: { serviceId, envVarKey } });

describe('environment variables', () => {
  test('are replaced as a whole and answered in the order given', async () => {
    await put([{ key: 'OLD', value: '1' }]);
    const answer = await put([
      { key: 'FOO', value: 'bar' },
      { key: 'EMPTY', value: '' },
    ]);
    expect(answer.map(({ envVar }) => envVar)).toEqual([
      { key: 'FOO', value: 'bar' },
      { key: 'EMPTY', value: '' },
    ]);
    expect((await list()).map(({ envVar }) => envVar.key)).toEqual(['EMPTY', 'FOO']);
  });

  test('are emptied by null, as existing clients write an empty list, and not by an absent body', async () => {
    await put([{ key: 'OLD', value: '1' }]);
    expect(await api.admin.refused('update-env-vars-for-service', { params: { serviceId } })).toMatchObject({
      status: 400,
      message: 'a JSON body is required, got none',
    });
    expect(await list()).toHaveLength(1);
    expect(await put(null)).toEqual([]);
    expect(await list()).toEqual([]);
  });

  test('are listed newest first, page by page', async () => {
    await put(['A', 'B', 'C', 'D', 'E'].map((key) => ({ key, value: key })));
    const first = await list({ limit: 3 });
    const second = await list({ limit: 3, cursor: first.at(-1)!.cursor });
    expect([...first, ...second].map(({ envVar }) => envVar.key)).toEqual(['E', 'D', 'C', 'B', 'A']);
    expect(await list({ cursor: second.at(-1)!.cursor })).toEqual([]);
  });

  test('are set, changed, read and deleted one by one', async () => {
    await put([{ key: 'KEPT', value: 'k' }]);
    expect(await api.admin.ok('update-env-var', { ...one('NEW'), body: { value: 'x' } })).toEqual({
      key: 'NEW',
      value: 'x',
    });
    await api.admin.ok('update-env-var', { ...one('NEW'), body: { value: 'y' } });
    expect(await api.admin.ok('retrieve-env-var', one('NEW'))).toEqual({ key: 'NEW', value: 'y' });
    expect((await api.admin.call('delete-env-var', one('NEW'))).status).toBe(204);
    expect(await api.admin.refused('retrieve-env-var', one('NEW'))).toMatchObject({
      status: 404,
      message: 'not found: NEW',
    });
    expect((await api.admin.refused('delete-env-var', one('NEW'))).status).toBe(404);
    expect((await list()).map(({ envVar }) => envVar)).toEqual([{ key: 'KEPT', value: 'k' }]);
  });

  test('are made at random where a client asks for it: 32 bytes, another each time', async () => {
    const [first, second] = await put([
      { key: 'ONE', generateValue: true },
      { key: 'TWO', generateValue: true },
    ]);
    expect(Buffer.from(first!.envVar.value, 'base64')).toHaveLength(32);
    expect(first!.envVar.value).not.toBe(second!.envVar.value);
    expect(await api.admin.ok('retrieve-env-var', one('ONE'))).toEqual(first!.envVar);
  });

  test('are encrypted at rest, bound to their owner and key', async () => {
    await put([{ key: 'SECRET', value: 'marker-value-3' }]);
    const { database, vault } = api.server.running.context;
    const row = await database.read
      .selectFrom('env_vars')
      .selectAll()
      .where('owner_id', '=', serviceId)
      .executeTakeFirstOrThrow();
    expect(Buffer.from(row.value_sealed, 'base64').toString('latin1')).not.toContain('marker-value-3');
    expect(vault.open(row.value_sealed, `${serviceId}/SECRET`)).toBe('marker-value-3');
    expect(() => vault.open(row.value_sealed, `${serviceId}/OTHER`)).toThrow();
  });

  test('reach builds and jobs as secrets that print redacted', async () => {
    await put([{ key: 'SECRET', value: 'marker-value-4' }]);
    const { context } = api.server.running;
    const { variables } = await resolveEnvironment(context, context.database.read, { id: serviceId });
    expect(variables['SECRET']!.reveal()).toBe('marker-value-4');
    expect(JSON.stringify(variables)).not.toContain('marker-value-4');
  });

  test.each<[string, unknown, RegExp]>([
    ['an empty key', [{ key: '', value: '1' }], /key ""/],
    ['a key with =', [{ key: 'A=B', value: '1' }], /A=B/],
    ['a key with NUL', [{ key: 'A\0B', value: '1' }], /./],
    ['a key with a space', [{ key: 'A B', value: '1' }], /A B/],
    ['a key that begins with a digit', [{ key: '1A', value: '1' }], /1A/],
    ['a value with NUL', [{ key: 'A', value: 'marker-6\0' }], /NUL/],
    ['a value beyond what a program can be given', [{ key: 'A', value: 'x'.repeat(131_072) }], /128 KiB/],
    [
      'a key twice',
      [
        { key: 'A', value: '1' },
        { key: 'A', value: '2' },
      ],
      /twice/,
    ],
    ['neither value nor generateValue', [{ key: 'A', generateValue: false }], /needs a value/],
    ['no list', { key: 'A', value: '1' }, /array/],
  ])('refuse %s and change nothing', async (_what, body, message) => {
    await put([{ key: 'KEPT', value: 'k' }]);
    const refusal = await api.admin.refused('update-env-vars-for-service', { params: { serviceId }, body });
    expect(refusal.status).toBe(400);
    expect(refusal.message).toMatch(message);
    expect(refusal.message).not.toContain('marker-6');
    expect((await list()).map(({ envVar }) => envVar.key)).toEqual(['KEPT']);
  });

  test('accept what POSIX does and the dots and dashes that some frameworks use', async () => {
    const keys = ['_', 'a', 'spring.profiles.active', 'X-Y', 'A1_b'];
    await put(keys.map((key) => ({ key, value: 'v' })));
    expect((await list()).map(({ envVar }) => envVar.key)).toEqual(keys.reverse());
  });

  test('have a limit in all', async () => {
    const value = 'x'.repeat(100 * 1024);
    const body = Array.from({ length: 11 }, (_, n) => ({ key: `K${n}`, value }));
    const refusal = await api.admin.refused('update-env-vars-for-service', { params: { serviceId }, body });
    expect(refusal).toMatchObject({ status: 400, message: expect.stringContaining('at most 1048576') });
  });
});
