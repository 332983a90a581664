import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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

const put = (body: unknown) =>
  api.admin.ok('update-secret-files-for-service', { params: { serviceId }, body });
const list = (query: { limit?: number; cursor?: string } = {}) =>
  api.admin.ok('list-secret-files-for-service', { params: { serviceId }, query });
/** The contract's paths call the name of a file so. */
const one = (name: string) => ({ params: { serviceId, envVarKey: name } });

describe('secret files', () => {
  test('are replaced as a whole and answered in the order given', async () => {
    await put([{ name: 'old', content: '1' }]);
    const answer = await put([
      { name: 'file2', content: 'qux' },
      { name: 'file1', content: 'bar' },
    ]);
    expect(answer.map(({ secretFile }) => secretFile)).toEqual([
      { name: 'file2', content: 'qux' },
      { name: 'file1', content: 'bar' },
    ]);
    const first = await list({ limit: 1 });
    const second = await list({ cursor: first[0]!.cursor });
    expect([...first, ...second].map(({ secretFile }) => secretFile.name)).toEqual(['file1', 'file2']);
  });

  test('are set, changed, read and deleted one by one', async () => {
    const added = await api.admin.call('add-or-update-secret-file', {
      ...one('.env'),
      body: { content: 'a' },
    });
    expect(added).toMatchObject({ status: 201, body: { name: '.env', content: 'a' } });
    await api.admin.ok('add-or-update-secret-file', { ...one('.env'), body: { content: 'ünïcode\n' } });
    expect(await api.admin.ok('retrieve-secret-file', one('.env'))).toEqual({
      name: '.env',
      content: 'ünïcode\n',
    });
    expect((await api.admin.call('delete-secret-file', one('.env'))).status).toBe(204);
    expect(await api.admin.refused('retrieve-secret-file', one('.env'))).toMatchObject({
      status: 404,
      message: 'not found: .env',
    });
    expect((await api.admin.refused('delete-secret-file', one('.env'))).status).toBe(404);
  });

  test('are encrypted at rest', async () => {
    await put([{ name: 'key.pem', content: 'marker-content-5' }]);
    const row = await api.server.running.context.database.read
      .selectFrom('secret_files')
      .selectAll()
      .where('owner_id', '=', serviceId)
      .executeTakeFirstOrThrow();
    expect(Buffer.from(row.content_sealed, 'base64').toString('latin1')).not.toContain('marker-content-5');
  });

  test.each<[string, unknown]>([
    ['a slash', [{ name: 'a/b', content: '' }]],
    ['a parent folder', [{ name: '..', content: '' }]],
    ['two dots within', [{ name: 'a..b', content: '' }]],
    ['its own folder', [{ name: '.', content: '' }]],
    ['NUL', [{ name: 'a\0', content: '' }]],
    ['a line break', [{ name: 'a\nb', content: '' }]],
    ['nothing', [{ name: '', content: '' }]],
    ['256 bytes', [{ name: 'x'.repeat(256), content: '' }]],
    [
      'one name twice',
      [
        { name: 'a', content: '1' },
        { name: 'a', content: '2' },
      ],
    ],
  ])('refuse %s for a name and change nothing', async (_what, body) => {
    await put([{ name: 'kept', content: 'k' }]);
    const refusal = await api.admin.refused('update-secret-files-for-service', {
      params: { serviceId },
      body,
    });
    expect(refusal.status).toBe(400);
    expect((await list()).map(({ secretFile }) => secretFile.name)).toEqual(['kept']);
  });

  test('have 1 MB in all, and not a byte more', async () => {
    await put([{ name: 'a', content: 'x'.repeat(1024 * 1024 - 10) }]);
    await api.admin.ok('add-or-update-secret-file', { ...one('b'), body: { content: 'y'.repeat(10) } });
    const refusal = await api.admin.refused('add-or-update-secret-file', {
      ...one('c'),
      body: { content: 'z' },
    });
    expect(refusal).toMatchObject({ status: 400, message: expect.stringContaining('at most 1048576') });
  });

  test('need a content', async () => {
    const refusal = await api.admin.refused('add-or-update-secret-file', { ...one('a'), body: {} });
    expect(refusal).toMatchObject({ status: 400, message: 'body field content is required' });
  });
});
