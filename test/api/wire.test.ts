/** Where existing clients send something other than the contract's letter, or ask for what there is not. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type JsonSchema, loadContract } from '../../src/api/contract.ts';
import { type ServiceApi, startServiceApi } from '../support/api-service.ts';
import { eventually } from '../support/eventually.ts';
import { subscribe } from '../support/live-logs.ts';
import { ADMIN_KEY } from '../support/server.ts';

let api: ServiceApi;
beforeAll(async () => {
  api = await startServiceApi();
});
afterAll(async () => api.close());

const details = (more: object) => ({
  runtime: 'node',
  plan: 'starter',
  envSpecificDetails: { buildCommand: 'true', startCommand: 'node .' },
  ...more,
});

describe('a field that is required in answers and has a default may be left out of a request', () => {
  test.each(['web_service', 'private_service', 'background_worker'])('of a %s', async (type) => {
    const { id, serviceDetails } = await api.createService({
      type,
      serviceDetails: details({
        previews: {},
        autoscaling: {
          min: 1,
          max: 2,
          criteria: { cpu: { percentage: 50 }, memory: { enabled: true, percentage: 60 } },
        },
      }),
    });
    expect(serviceDetails).toMatchObject({
      previews: { generation: 'off' },
      numInstances: 1,
      autoscaling: {
        enabled: false,
        criteria: { cpu: { enabled: false, percentage: 50 }, memory: { enabled: true, percentage: 60 } },
      },
    });
    const params = { serviceId: id };
    const changed = (more: object) =>
      api.admin
        .ok('update-service', { params, body: { serviceDetails: more } })
        .then((one) => one.serviceDetails);
    expect(await changed({ previews: { generation: 'manual' } })).toMatchObject({
      previews: { generation: 'manual' },
    });
    // Nothing is said of it, so nothing changes.
    expect(await changed({ previews: {} })).toMatchObject({ previews: { generation: 'manual' } });
    expect(await changed({ previews: { generation: null } })).toMatchObject({
      previews: { generation: 'manual' },
    });
  });

  test('of a cache and of autoscaling on its own', async () => {
    const { id } = await api.createService();
    const params = { serviceId: id };
    const cached = await api.admin.ok('update-service', { params, body: { serviceDetails: { cache: {} } } });
    expect(cached.serviceDetails).toMatchObject({ cache: { profile: 'no-cache' } });
    const criteria = { cpu: { percentage: 50 }, memory: { percentage: 60 } };
    const body = { min: 1, max: 2, criteria };
    expect(await api.admin.ok('autoscale-service', { params, body })).toEqual({
      enabled: false,
      min: 1,
      max: 2,
      criteria: { cpu: { enabled: false, percentage: 50 }, memory: { enabled: false, percentage: 60 } },
    });
  });

  test('and what has no default is still required', async () => {
    const body = api.serviceBody({ serviceDetails: details({ autoscaling: { min: 1, max: 2 } }) });
    expect((await api.admin.refused('create-service', { body })).message).toContain('criteria');
    const wrong = api.serviceBody({ serviceDetails: details({ previews: { generation: 'sometimes' } }) });
    expect((await api.admin.refused('create-service', { body: wrong })).message).toContain(
      'off, manual, automatic',
    );
  });
});

describe('a resource leaves its environment', () => {
  const environment = async () => {
    const { environmentIds } = await api.admin.ok('create-project', {
      body: { name: 'project', ownerId: api.workspaceId, environments: [{ name: 'prod' }] },
    });
    return { environmentId: environmentIds[0]! };
  };
  const remove = (environmentId: string, ...resourceIds: string[]) =>
    api.admin.call('remove-resources-from-environment', {
      params: { environmentId },
      query: { resourceIds },
    });

  test('by its own id in the place of the environment, also when it is in none any more', async () => {
    const params = await environment();
    const { id } = await api.createService();
    const other = await api.createService();
    const group = await api.admin.ok('create-env-group', {
      body: { name: 'group', ownerId: api.workspaceId, envVars: [] },
    });
    await api.admin.ok('add-resources-to-environment', {
      params,
      body: { resourceIds: [id, other.id, group.id] },
    });
    for (const one of [id, group.id, id]) expect((await remove(one, one)).status).toBe(204);
    const left = await api.admin.ok('retrieve-environment', { params });
    expect(left).toMatchObject({ serviceIds: [other.id], envGroupIds: [] });
  });

  test('and no other does, nor one of another workspace', async () => {
    const params = await environment();
    const { id } = await api.createService();
    const other = await api.createService();
    await api.admin.ok('add-resources-to-environment', { params, body: { resourceIds: [id] } });
    expect((await remove(id, other.id)).status).toBe(400);
    expect((await remove(other.id, id)).status).toBe(400);
    expect((await remove(api.foreignServiceId, api.foreignServiceId)).status).toBe(404);
    expect((await remove(id, api.foreignServiceId)).status).toBe(400);
    expect((await remove('evm-c3rfdgg6n88pa7t3a6ag', id)).status).toBe(404);
    expect((await api.admin.ok('retrieve-environment', { params })).serviceIds).toEqual([id]);
  });
});

describe('enums of answers', () => {
  const [extended, plain] = [loadContract(), loadContract({ extended: false })];
  const enums = (value: unknown, at = ''): [string, unknown][] => {
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([name, inner]): [string, unknown][] =>
      name === 'enum' ? [[at, inner]] : enums(inner, `${at}/${name}`),
    );
  };

  test('are those of the contract: generated clients refuse a name that they do not know', () => {
    const own = new Map(enums(extended.schemas));
    for (const [at, names] of enums(plain.schemas)) expect([at, own.get(at)]).toEqual([at, names]);
    const paths = new Map(enums(extended.document['paths']));
    for (const [at, names] of enums(plain.document['paths']))
      expect([at, paths.get(at)]).toEqual([at, names]);
  });

  test('hold for the labels of lines, however they are read', async () => {
    const known = (plain.schemas['logLabelName'] as JsonSchema)['enum'] as string[];
    const job = await api.server.run(api.serviceId, 'echo out; echo err >&2');
    const { lines, closed } = await subscribe(api.server, { resource: job.id });
    await closed;
    const query = { ownerId: api.workspaceId, resource: [job.id] };
    const { logs } = await api.admin.ok('list-logs', { query });
    for (const line of [...lines, ...logs]) {
      for (const { name } of line.labels) expect(known).toContain(name);
      expect(line).toMatchObject({
        service: api.serviceId,
        stream: line.message === 'out' ? 'stdout' : 'stderr',
      });
    }
    expect([lines.length, logs.length]).toEqual([2, 2]);
  });
});

describe('what there is not', () => {
  test.each([
    ['POST', '/v1/postgres'],
    ['PATCH', '/v1/key-value/red-c3rfdgg6n88pa7t3a6ag'],
    ['DELETE', '/v1/redis/red-c3rfdgg6n88pa7t3a6ag'],
    ['POST', '/v1/services/srv-c3rfdgg6n88pa7t3a6ag/cache/purge'],
    ['GET', '/v1/services/srv-c3rfdgg6n88pa7t3a6ag/headers'],
    ['PUT', '/v1/services/srv-c3rfdgg6n88pa7t3a6ag/routes'],
    ['POST', '/v1/blueprints/validate'],
    ['GET', '/v1/maintenance'],
    ['GET', '/v1/metrics/of-nothing'],
  ])('%s %s is 501 in words, and no error in the log', async (method, path) => {
    const before = api.server.logLines.length;
    const answer = await api.admin.request({ method, path, body: '{"a": 1}' });
    expect(answer.status).toBe(501);
    expect(answer.body).toMatchObject({ code: 'notImplemented', message: expect.stringContaining(path) });
    expect(api.server.logLines.slice(before)).toEqual([]);
    expect((await api.stranger.request({ method, path })).status).toBe(401);
  });

  test('a shell is refused without an error in the log', async () => {
    const before = api.server.logLines.length;
    const params = { serviceId: api.serviceId };
    expect((await api.developer.refused('create-ephemeral-shell', { params, body: '{' })).status).toBe(501);
    expect(api.server.logLines.slice(before)).toEqual([]);
  });

  test.each(['postgres', 'key-value', 'redis', 'workflows', 'blueprints'])(
    'of %s the list is empty',
    async (kind) => {
      expect((await api.viewer.request({ method: 'GET', path: `/v1/${kind}` })).body).toEqual([]);
    },
  );

  test.each([
    'active-connections',
    'bandwidth',
    'disk-usage',
    'http-latency',
    'http-requests',
    'instance-count',
    'replication-lag',
    'filters/http',
  ])('of metrics of %s the list is empty', async (kind) => {
    const path = `/v1/metrics/${kind}?resource=${api.serviceId}&resolutionSeconds=60`;
    expect(await api.viewer.request({ method: 'GET', path })).toMatchObject({ status: 200, body: [] });
  });
});

describe('over a real connection', () => {
  /** Sends bytes and reads until the server hangs up, or `until` says that it is enough. */
  const exchange = (bytes: string, until: (text: string) => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(api.server.url).port), '127.0.0.1', () => socket.write(bytes));
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (until(text)) socket.destroy();
      });
      socket.once('close', () => resolve(text)).once('error', reject);
    });
  const isWhole = (text: string): boolean => {
    const length = /content-length: (\d+)/i.exec(text)?.[1];
    return length !== undefined && text.split('\r\n\r\n').slice(1).join('\r\n\r\n').length >= Number(length);
  };
  const ask = (line: string, ...headers: string[]): Promise<string> =>
    exchange(
      `${[`${line} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${ADMIN_KEY}`, ...headers].join('\r\n')}\r\n\r\n`,
      isWhole,
    );
  const expectRefusal = (answer: string, status: number, part: string): void => {
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    for (const header of ['x-request-id', 'x-content-type-options', 'ratelimit-limit']) {
      expect(answer.toLowerCase()).toContain(`\r\n${header}: `);
    }
    expect(answer.toLowerCase()).toContain('content-type: application/json; charset=utf-8');
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!).message).toContain(part);
  };

  test.each(['/v1/postgres', `/v1/services/x/ephemeral-shell`, '/v1/owners'])(
    'POST %s is refused before its body is there',
    async (path) => {
      const answer = await ask(`POST ${path}`, 'Content-Length: 1000000');
      expect(answer).toMatch(/^HTTP\/1.1 (501|404|405) /);
    },
  );

  test('an expectation other than 100-continue is 417 in the error shape', async () => {
    expectRefusal(await ask('GET /v1/owners', 'Expect: miracles'), 417, 'miracles');
    expect(await ask('GET /v1/owners', 'Expect: 100-continue')).toContain('HTTP/1.1 200 ');
  });

  const socketLine = () => `GET /v1/logs/subscribe?ownerId=${api.workspaceId}&resource=${api.serviceId}`;
  const KEY = `Sec-WebSocket-Key: ${'A'.repeat(22)}==`;
  test.each([
    ['without a key', ['Sec-WebSocket-Version: 13'], 'Sec-WebSocket-Key'],
    ['with half a key', ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: abc'], 'Sec-WebSocket-Key'],
    ['of another version', [KEY, 'Sec-WebSocket-Version: 7'], 'must be 13'],
    ['of no version', [KEY], 'Sec-WebSocket-Version'],
    ['of broken protocols', [KEY, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Protocol: a,,b'], 'Protocol'],
  ])('an upgrade to a WebSocket %s is refused in the error shape', async (_name, headers, part) => {
    expectRefusal(
      await ask(socketLine(), 'Connection: Upgrade', 'Upgrade: websocket', ...headers),
      400,
      part,
    );
  });

  test('an upgrade to something else is passed over', async () => {
    const h2c = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
    expect(await ask('GET /v1/owners', ...h2c)).toContain('HTTP/1.1 200 ');
    const socket = ['Connection: Upgrade', 'Upgrade: websocket', KEY, 'Sec-WebSocket-Version: 13'];
    expect(await ask('GET /v1/owners', ...socket)).toContain('HTTP/1.1 200 ');
    expectRefusal(await ask(socketLine(), ...h2c), 400, 'WebSockets');
  });

  test('a request to a server that stops is refused in the error shape', async () => {
    const { port } = new URL(api.server.url);
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const request = (path: string): string =>
      `GET /v1${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n`;
    await new Promise<void>((resolve) => socket.write(request('/owners'), () => resolve()));
    // Live output ends when the server begins to stop; that it has begun shows that what was sent before was read.
    let hasBegun = false;
    const live = exchange(
      `${request(`/logs/stream?ownerId=${api.workspaceId}&resource=${api.serviceId}`)}\r\n`,
      (seen) => {
        hasBegun = seen.includes('retry:');
        return seen.endsWith('0\r\n\r\n');
      },
    );
    await eventually(() => hasBegun, { what: 'live output' });
    const restarted = api.server.restart();
    await live;
    socket.write('\r\n');
    await eventually(() => isWhole(text), { what: 'an answer' });
    expectRefusal(text, 503, 'stopping');
    await restarted;
  });
});
