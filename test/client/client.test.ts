import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { ApiError, ConnectionError } from '../../src/client/errors.ts';

const servers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of servers.splice(0)) await stop();
});

/** A real HTTP server that answers as told, with the requests that it saw. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return { client: createClient({ host, apiKey: 'a-key' }), seen };
}

const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'r-1' });
  response.end(JSON.stringify(body));
};

test('a call fills the path, repeats list parameters, leaves out what is not set, and sends the key', async () => {
  let key: string | undefined;
  const { client, seen } = await serve((request, response) => {
    key = request.headers.authorization;
    json(response, 200, []);
  });
  await client.call('list-job', {
    params: { serviceId: 'srv/1' },
    query: { status: ['failed', 'running'], cursor: undefined, limit: 3 },
  });
  expect(seen).toEqual(['GET /v1/services/srv%2F1/jobs?status=failed&status=running&limit=3']);
  expect(key).toBe('Bearer a-key');
});

test("a refusal carries the server's message, status, code and request id", async () => {
  const { client } = await serve((_, response) =>
    json(response, 404, { message: 'not found: job-x', code: 'notFound' }),
  );
  const error = await client.call('job-by-id', { params: { jobId: 'job-x' } }).catch((caught) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    message: 'not found: job-x',
    status: 404,
    code: 'notFound',
    requestId: 'r-1',
  });
});

test('a read is repeated while the server is busy', async () => {
  const { client, seen } = await serve((_, response) =>
    seen.length < 3 ? json(response, 503, { message: 'busy' }) : json(response, 200, []),
  );
  expect(await client.call('list-owners')).toEqual([]);
  expect(seen).toHaveLength(3);
});

test('a write is sent once, even when its answer is lost', async () => {
  const { client, seen } = await serve((request) => request.socket.destroy());
  const body = { startCommand: 'x' };
  const error = await client.call('post-job', { params: { serviceId: 's' }, body }).catch((caught) => caught);
  expect(error).toBeInstanceOf(ConnectionError);
  expect(seen).toEqual(['POST /v1/services/s/jobs']);
});

test('a refusal that will not pass is not repeated', async () => {
  const { client, seen } = await serve((_, response) => json(response, 401, { message: 'unauthorized' }));
  await expect(client.call('list-owners')).rejects.toThrow('unauthorized');
  expect(seen).toHaveLength(1);
});

test('a redirect is an error: the key goes nowhere else', async () => {
  const { client } = await serve((_, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end();
  });
  await expect(client.call('list-owners', { retryForMs: 0 })).rejects.toThrow(ConnectionError);
});

test('a page that is not of an Errand server is named as such', async () => {
  const { client } = await serve((_, response) => response.end('<html>hello</html>'));
  await expect(client.call('list-owners')).rejects.toThrow(/other than JSON/);
});

test('where nothing listens, the message says what to check', async () => {
  const { client } = await serve(() => {});
  for (const stop of servers.splice(0)) await stop();
  await expect(client.call('list-owners', { retryForMs: 0 })).rejects.toThrow(
    /refused.*errand serve.*ERRAND_HOST/,
  );
});
