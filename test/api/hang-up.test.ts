/** Clients that hang up, by a reset, in the middle of what they asked for. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { ADMIN_KEY } from '../support/server.ts';

let api: TestApi;
let viewerKey: string;
beforeAll(async () => {
  api = await startApi();
  viewerKey = (await api.admin.ok('create-key', { body: { name: 'leaves', role: 'viewer' } })).key;
});
afterAll(async () => api.close());

const COUNT = 200;

/** Sends bytes and resets the connection: at once, or when the first byte of the answer comes. */
async function hangUp(bytes: string, when: 'at once' | 'soon'): Promise<void> {
  const { port } = new URL(api.server.url);
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(bytes, () => {
        if (when === 'at once') socket.resetAndDestroy();
        else setImmediate(() => socket.resetAndDestroy());
      });
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}

function request(method: string, path: string, body: string, key: string): string {
  return [
    `${method} /v1${path} HTTP/1.1`,
    'Host: x',
    `Authorization: Bearer ${key}`,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

async function flood(bytes: (n: number) => string, count = COUNT): Promise<void> {
  for (let n = 0; n < count; n += 20) {
    const some = Array.from({ length: 20 }, (_, index) => n + index);
    await Promise.all(some.map((one) => hangUp(bytes(one), one % 2 ? 'soon' : 'at once')));
  }
}

/** How many entries the audit log has of an operation, by status. */
async function noted(action: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let cursor: string | undefined; ; ) {
    const query = { action: [action], limit: 100, ...(cursor ? { cursor } : {}) };
    const page = await api.admin.ok('list-audit-entries', { query });
    for (const { auditEntry } of page) counts[auditEntry.status] = (counts[auditEntry.status] ?? 0) + 1;
    cursor = page.at(-1)?.cursor;
    if (page.length < 100) return counts;
  }
}
const failures = (): string[] => api.server.logLines.filter((line) => line.includes(' error '));

describe('a client that hangs up', () => {
  test('has its refusals in the audit log all the same', async () => {
    await flood(() => request('POST', '/keys', '{"name": "x", "role": "admin"}', viewerKey));
    await eventually(async () => (await noted('create-key'))['403'] === COUNT, {
      what: `${COUNT} refusals in the audit log`,
    });
    expect(failures()).toEqual([]);
  });

  test('has its changes carried out, or refused, and never failed', async () => {
    // As many as one page shows.
    await flood(
      (n) => request('PUT', `/services/${api.serviceId}/env-vars/V${n}`, '{"value": "x"}', ADMIN_KEY),
      100,
    );
    // Whether the server had read all of it when the connection was reset is not known here.
    const made = async (): Promise<number> => {
      const body = await api.admin.ok('get-env-vars-for-service', {
        params: { serviceId: api.serviceId },
        query: { limit: 100 },
      });
      return body.length;
    };
    await eventually(async () => (await noted('update-env-var'))['200'] === (await made()), {
      what: 'an entry for each change',
    });
    expect(await made()).toBeGreaterThan(0);
    expect(Object.keys(await noted('update-env-var'))).toEqual(['200']);
    expect(failures()).toEqual([]);
  });

  test('in the middle of a body has changed nothing, and the log does not swell', async () => {
    const before = api.server.logLines.length;
    await flood((n) =>
      request('PUT', `/services/${api.serviceId}/env-vars/HALF`, '{"value": "x"}', ADMIN_KEY).slice(
        0,
        -3 - (n % 5),
      ),
    );
    expect(
      (
        await api.admin.refused('retrieve-env-var', {
          params: { serviceId: api.serviceId, envVarKey: 'HALF' },
        })
      ).status,
    ).toBe(404);
    expect(api.server.logLines.slice(before)).toEqual([]);
  });

  test.each([
    ['live output', () => `/logs/stream?ownerId=${api.workspaceId}&resource=${api.serviceId}`],
    ['a socket', () => `/logs/subscribe?ownerId=${api.workspaceId}&resource=${api.serviceId}`],
    ['a wait', () => `/jobs/job-${'0'.repeat(20)}/wait`],
    ['no route', () => '/nowhere'],
    ['the document', () => '/openapi.json'],
  ])('while it asks for %s leaves no failure in the log', async (_name, path) => {
    const before = api.server.logLines.length;
    await flood(() =>
      [
        `GET /v1${path()} HTTP/1.1`,
        'Host: x',
        `Authorization: Bearer ${ADMIN_KEY}`,
        ...(path().includes('subscribe')
          ? [
              'Connection: Upgrade',
              'Upgrade: websocket',
              'Sec-WebSocket-Version: 13',
              `Sec-WebSocket-Key: ${'A'.repeat(22)}==`,
            ]
          : []),
        '',
        '',
      ].join('\r\n'),
    );
    expect((await api.admin.call('list-owners')).status).toBe(200);
    expect(api.server.logLines.slice(before)).toEqual([]);
  });
});
