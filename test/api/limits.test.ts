import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

describe('rate limits', () => {
  test('count down by key and class, and say when the window ends', async () => {
    const limited = await startApi({
      maxJobsPerHour: '3',
      maxReadsPerMinute: '5',
      maxWritesPerMinute: '1000',
    });
    try {
      const { viewer, developer, serviceId } = limited;
      const seen = [];
      for (let call = 0; call < 6; call += 1) seen.push(await viewer.call('list-services'));
      expect(seen.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
      expect(seen.map(({ headers }) => Number(headers['ratelimit-remaining']))).toEqual([4, 3, 2, 1, 0, 0]);
      const { headers, body } = seen.at(-1)!;
      expect(headers['ratelimit-limit']).toBe('5');
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
      expect(body).toMatchObject({ code: 'rateLimited' });
      // Another key and another class have windows of their own.
      expect((await developer.call('list-services')).status).toBe(200);
      const create = () =>
        developer.call('post-job', { params: { serviceId }, body: { startCommand: 'true' } });
      const created = [await create(), await create(), await create(), await create()];
      expect(created.map(({ status }) => status)).toEqual([201, 201, 201, 429]);
      expect(Number(created[0]!.headers['ratelimit-reset'])).toBeGreaterThan(3500);
      expect((await developer.call('suspend-service', { params: { serviceId } })).status).toBe(202);
      // Who sends no key is counted by address.
      const strangers = [];
      for (let call = 0; call < 6; call += 1) strangers.push(await limited.stranger.call('get-user'));
      expect(strangers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429]);
    } finally {
      await limited.close();
    }
  });
});

describe('bodies', () => {
  const post = (body: string, headers: Record<string, string> = {}) =>
    api.developer.request({
      method: 'POST',
      path: `/v1/services/${api.serviceId}/jobs`,
      body,
      headers,
    });

  test.each([
    ['nothing', '', 'body is required'],
    ['no JSON', '{"startCommand": ', 'not valid JSON'],
    ['a list', '[]', 'type object'],
    ['a text', '"x"', 'type object'],
    ['null', 'null', 'body is required'],
    ['a number for a text', '{"startCommand": 5}', 'type string'],
    ['an empty command', '{"startCommand": " "}', 'must not be empty'],
    ['a NUL', '{"startCommand": "a\\u0000b"}', 'NUL'],
    ['half a character', '{"startCommand": "\\ud800"}', 'surrogate'],
    ['a prototype', '{"startCommand": "a", "__proto__": {"x": 1}}', '__proto__'],
    ['33 levels', `{"startCommand": "a", "x": ${'['.repeat(40)}${']'.repeat(40)}}`, 'levels'],
    ['a million levels', `{"x": ${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`, 'levels'],
    [
      '5001 fields',
      JSON.stringify(Object.fromEntries(Array.from({ length: 5001 }, (_, i) => [`f${i}`, 1]))),
      '5000',
    ],
  ])('%s is refused with a clear 400', async (_name, body, part) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect((answer.body as { message: string }).message).toContain(part);
  });

  test('larger than 8 MB is refused with 413, a text larger than 2 MB too', async () => {
    expect((await post(`{"startCommand": "${'x'.repeat(9 * 2 ** 20)}"}`)).status).toBe(413);
    expect((await post(`{"startCommand": "${'x'.repeat(3 * 2 ** 20)}"}`)).status).toBe(413);
    expect((await post(`{"startCommand": "${'x'.repeat(300 * 1024)}"}`)).status).toBe(400);
  });

  test('a label other than JSON does not matter', async () => {
    expect((await post('{"startCommand": "true"}', { 'content-type': 'text/plain' })).status).toBe(201);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await post('{"startCommand": "true"}', form)).status).toBe(201);
    expect((await post('{"startCommand": "true"}', { 'content-type': 'no type at all' })).status).toBe(415);
  });

  test('never shows what it was sent when it is no JSON', async () => {
    const { body } = await post('{"startCommand": "secret-token-123');
    expect(JSON.stringify(body)).not.toContain('secret-token-123');
  });
});

describe('paths and queries', () => {
  test.each([
    ['/v1/services/%zz', 400],
    ['/v1/services/%E0%A4', 400],
    ['/v1/services/a%00b', 400],
    ['/v1/services/%2e%2e%2fetc', 404],
    [`/v1/services/${'x'.repeat(400)}`, 404],
    ['/v1/nowhere', 501],
    ['/nowhere', 404],
    ['/v1', 404],
    ['/v1/services?limit=0', 400],
    ['/v1/services?limit=-1', 400],
    ['/v1/services?limit=ten', 400],
    ['/v1/services?limit=1.5', 400],
    ['/v1/services?limit=99999999999999999999', 200],
    ['/v1/services?cursor=nonsense', 400],
    ['/v1/services?createdBefore=yesterday', 400],
    ['/v1/services?name=a%00b', 400],
    ['/v1/services?name=%F0%28', 200],
    ['/v1/services?type=teapot', 400],
    [`/v1/services?name=${'a,'.repeat(501)}b`, 400],
    ['/v1/services?name=&limit=&cursor=', 200],
    ['/v1/environments', 400],
    ['/v1/metrics/cpu', 400],
  ])('%s answers %i', async (path, status) => {
    expect((await api.viewer.request({ method: 'GET', path })).status).toBe(status);
  });

  test('a path with another method is 405 and says which it takes', async () => {
    const answer = await api.admin.request({ method: 'DELETE', path: `/v1/services/${api.serviceId}/jobs` });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('GET, POST');
    for (const method of ['HEAD', 'OPTIONS', 'PUT', 'PATCH']) {
      const other = await api.admin.request({ method, path: '/v1/owners' });
      expect(other.status).toBe(405);
    }
    expect((await api.admin.request({ method: 'OPTIONS', path: '/v1/nowhere' })).status).toBe(501);
  });

  test('an unknown path says nothing to who sends no key', async () => {
    expect((await api.stranger.request({ method: 'GET', path: '/v1/nowhere' })).status).toBe(401);
  });
});

describe('what is hardly HTTP', () => {
  /** Sends bytes and reads the whole answer. */
  const send = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { port } = new URL(api.server.url);
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
      let answer = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk;
      });
      socket.once('close', () => resolve(answer));
      socket.once('error', reject);
    });

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['giant headers', `GET /v1/owners HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
    ['a giant path', `GET /v1/${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    [
      'two lengths',
      'POST /v1/owners HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      400,
    ],
    ['an unknown method', 'BREW /v1/owners HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ])('%s is refused in the error shape', async (_name, text, status) => {
    const answer = await send(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ message: expect.any(String) });
  });
});
