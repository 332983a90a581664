import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/shared/ids.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let owner: string;
let service: string;

beforeAll(async () => {
  server = await TestServer.start({ executor: 'process' });
  owner = await server.workspaceId();
  service = await server.seedService();
});
afterAll(() => server.close());

describe('the log stream of a workspace', () => {
  it('is there after it is set, in the form existing clients know, and gone after it is deleted', async () => {
    const path = `/logs/streams/owner/${owner}`;
    const missing = { status: 404, body: { message: `not found: ${owner}` } };
    expect(await server.call('GET', path)).toMatchObject(missing);
    const none = { endpoint: '', ownerId: owner, preview: 'drop' };
    expect((await server.call('PUT', path, { endpoint: '', preview: 'drop', token: '' })).body).toEqual(none);
    expect((await server.call('GET', path)).body).toEqual(none);
    const given = { endpoint: 'logs.example.com:6514', preview: 'send' };
    expect((await server.call('PUT', path, { ...given, token: 'secret-token' })).body).toEqual({
      ...given,
      ownerId: owner,
    });
    expect(await server.call('DELETE', path)).toMatchObject({ status: 204 });
    expect(await server.call('GET', path)).toMatchObject(missing);
    expect(await server.call('DELETE', path)).toMatchObject(missing);
  });

  it.each([
    ['an endpoint without a port', { endpoint: 'logs.example.com', preview: 'send' }, 'endpoint'],
    ['a port that is none', { endpoint: 'logs.example.com:99999', preview: 'send' }, 'endpoint'],
    ['an address', { endpoint: 'https://logs.example.com/x', preview: 'send' }, 'endpoint'],
    ['no preview', { endpoint: 'logs.example.com:6514' }, 'preview'],
    ['a token without end', { endpoint: 'a.example:1', preview: 'send', token: 'x'.repeat(1001) }, 'token'],
  ])('is refused with %s', async (_what, body, field) => {
    const answer = await server.call<{ message: string }>('PUT', `/logs/streams/owner/${owner}`, body);
    expect(answer.status).toBe(400);
    expect(answer.body.message).toContain(field);
    expect(answer.body.message).not.toContain('xxx');
  });

  it("is not there for another workspace's id", async () => {
    const other = newId('tea');
    const answer = await server.call('PUT', `/logs/streams/owner/${other}`, { preview: 'drop' });
    expect(answer).toMatchObject({ status: 404, body: { message: `not found: ${other}` } });
  });
});

describe('the log stream of a resource', () => {
  const path = (id: string) => `/logs/streams/resource/${id}`;

  it('is set, listed, shown and deleted', async () => {
    expect(await server.call('GET', path(service))).toMatchObject({
      status: 404,
      body: { message: `not found: ${service}` },
    });
    const sends = { setting: 'send', endpoint: 'other.example.com:6514' };
    const shown = { resourceId: service, ...sends };
    expect((await server.call('PUT', path(service), { ...sends, token: 'secret-token' })).body).toEqual(
      shown,
    );
    expect((await server.call('GET', path(service))).body).toEqual(shown);
    const second = await server.seedService();
    await server.call('PUT', path(second), { setting: 'drop' });
    const list = async (query: string) =>
      (await server.call<{ resourceId: string }[]>('GET', `/logs/streams/resource?${query}`)).body.map(
        (one) => one.resourceId,
      );
    expect(await list('')).toEqual([second, service]);
    expect(await list('limit=1')).toEqual([second]);
    expect(await list(`limit=1&cursor=${second}`)).toEqual([service]);
    expect(await list('setting=send')).toEqual([service]);
    expect(await list(`resourceId=${second}`)).toEqual([second]);
    expect(await list(`ownerId=${newId('tea')}`)).toEqual([]);
    expect(await server.call('DELETE', path(service))).toMatchObject({ status: 204 });
    expect(await server.call('DELETE', path(service))).toMatchObject({ status: 404 });
  });

  it.each([
    ['send without an endpoint', { setting: 'send' }, 'endpoint is required'],
    ['drop with an endpoint', { setting: 'drop', endpoint: 'a.example:6514' }, 'endpoint must not'],
    ['an unknown setting', { setting: 'keep' }, 'setting'],
  ])('is refused with %s', async (_what, body, message) => {
    const answer = await server.call<{ message: string }>('PUT', path(service), body);
    expect(answer.status).toBe(400);
    expect(answer.body.message).toContain(message);
  });

  it('needs a service of the workspace', async () => {
    const unknown = newId('srv');
    const answer = await server.call('PUT', path(unknown), { setting: 'drop' });
    expect(answer).toMatchObject({ status: 404, body: { message: `not found: ${unknown}` } });
  });
});
