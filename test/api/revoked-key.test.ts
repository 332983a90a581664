/** A key that is revoked while something that it began goes on. */
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { subscribe } from '../support/live-logs.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

/** What has to be over by then, with room for a machine that is busy with something else. */
const WITHIN_MS = 5000;

async function newKey(role = 'viewer'): Promise<{ key: string; revoke: () => Promise<unknown>; id: string }> {
  const { key, apiKey } = await api.admin.ok('create-key', { body: { name: 'short-lived', role } });
  const revoke = () => api.admin.ok('revoke-key', { params: { keyId: apiKey.id } });
  return { key, id: apiKey.id, revoke };
}
const printing = async (): Promise<string> => {
  const job = await api.server.createJob(api.serviceId, 'while :; do echo again; sleep 0.05; done');
  return job.id;
};
const cancel = (jobId: string) => api.admin.ok('cancel-job', { params: { serviceId: api.serviceId, jobId } });

async function open(path: string, key: string): Promise<Response> {
  return fetch(`${api.server.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
}

/** Reads an answer to its end, however that comes. @returns what was read */
async function readAll(response: Response): Promise<string> {
  let text = '';
  try {
    for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
  } catch {
    // Broken off counts as an end.
  }
  return text;
}

describe('when its key is revoked', () => {
  test('a WebSocket is closed, and says why; others go on', async () => {
    const jobId = await printing();
    const mine = await newKey();
    const revoked = await subscribe(api.server, { resource: jobId }, mine.key);
    const other = await subscribe(api.server, { resource: jobId }, (await newKey()).key);
    await eventually(() => revoked.lines.length > 0 && other.lines.length > 0, { what: 'lines' });
    await mine.revoke();
    expect(await within(revoked.closed)).toBe(1008);
    const { length } = other.lines;
    await eventually(() => other.lines.length > length, { what: 'lines of the other' });
    expect(other.socket.readyState).toBe(other.socket.OPEN);
    other.socket.close();
    await cancel(jobId);
  });

  test('a WebSocket on which nothing comes is closed, too', async () => {
    const mine = await newKey();
    const { closed } = await subscribe(api.server, { resource: api.serviceId }, mine.key);
    await mine.revoke();
    expect(await within(closed)).toBe(1008);
  });

  test('one whose reader takes nothing, not even the close, is cut off', async () => {
    const jobId = await printing();
    const mine = await newKey();
    const { socket } = await subscribe(api.server, { resource: jobId }, mine.key);
    socket.pause();
    await mine.revoke();
    const { clients } = api.server.running.app.websocketServer;
    await eventually(() => clients.size === 0, { withinMs: WITHIN_MS, what: 'the end of the connection' });
    await cancel(jobId);
  });

  test('a stream of events ends without the word that all was sent, and is not opened again', async () => {
    const jobId = await printing();
    const mine = await newKey();
    const path = `/logs/stream?ownerId=${api.workspaceId}&resource=${jobId}`;
    const response = await open(path, mine.key);
    const reading = readAll(response);
    await mine.revoke();
    const text = await within(reading);
    expect(text).not.toContain('event: end');
    expect((await open(path, mine.key)).status).toBe(401);
    await cancel(jobId);
  });

  test('a wait for a job is refused', async () => {
    const jobId = await printing();
    const mine = await newKey();
    const waiting = open(`/jobs/${jobId}/wait?timeoutSeconds=120`, mine.key);
    await eventually(async () => (await lastUse(mine.id)) !== undefined, { what: 'the wait to begin' });
    await mine.revoke();
    expect((await within(waiting)).status).toBe(401);
    await cancel(jobId);
  });

  test('a change whose body was on its way is not carried out', async () => {
    const mine = await newKey('developer');
    const body = JSON.stringify({ value: 'too late' });
    const url = `${api.server.url}/services/${api.serviceId}/env-vars/LATE`;
    const answer = new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(url, {
        method: 'PUT',
        headers: { authorization: `Bearer ${mine.key}`, 'content-length': body.length },
      });
      request.once('response', (response) => resolve(response.resume().statusCode)).once('error', reject);
      request.write(body.slice(0, 5));
      void eventually(async () => (await lastUse(mine.id)) !== undefined, { what: 'its headers to be read' })
        .then(() => mine.revoke())
        .then(() => request.end(body.slice(5)));
    });
    expect(await answer).toBe(401);
    const params = { serviceId: api.serviceId, envVarKey: 'LATE' };
    expect((await api.admin.refused('retrieve-env-var', { params })).status).toBe(404);
  });
});

test('a key whose role is less than the operation needs, or that is gone, ends what it began', async () => {
  const { database } = api.server.running.context;
  const mine = await newKey('admin');
  const { closed } = await subscribe(api.server, { resource: api.serviceId }, mine.key);
  const other = await newKey();
  const gone = await subscribe(api.server, { resource: api.serviceId }, other.key);
  await database.write(async (trx) => {
    await trx.updateTable('api_keys').set({ role: 'viewer' }).where('id', '=', mine.id).execute();
    await trx.deleteFrom('api_keys').where('id', '=', other.id).execute();
  });
  expect(await within(gone.closed)).toBe(1008);
  // A viewer may follow.
  await mine.revoke();
  expect(await within(closed)).toBe(1008);
});

async function lastUse(keyId: string): Promise<string | undefined> {
  const keys = await api.admin.ok('list-keys', { query: { limit: 100 } });
  return keys.find(({ apiKey }) => apiKey.id === keyId)?.apiKey.lastUsedAt;
}

async function within<T>(what: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it went on for ${WITHIN_MS} ms`)), WITHIN_MS);
  });
  return Promise.race([what, late]).finally(() => clearTimeout(timer));
}
