/** More connections than there are places, and requests that never come whole. */
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { subscribe } from '../support/live-logs.ts';
import { ADMIN_KEY } from '../support/server.ts';

const PLACES = 40;
let api: TestApi;
beforeAll(async () => {
  api = await startApi({ maxConnections: String(PLACES) });
});
afterAll(async () => api.close());

const opened: Raw[] = [];
afterEach(() => {
  for (const { socket } of opened.splice(0)) socket.destroy();
});

class Raw {
  readonly socket: Socket;
  text = '';
  isOpen = true;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      socket.once(event, () => {
        this.isOpen = false;
      });
    }
    opened.push(this);
  }

  /** Resolves when it is connected, and has sent what it was given. */
  static async open(bytes = ''): Promise<Raw> {
    const { port } = new URL(api.server.url);
    return new Promise((resolve) => {
      // It does not hang up because the server does.
      const socket = connect({ port: Number(port), allowHalfOpen: true }, () => {
        if (bytes === '') resolve(raw);
        else socket.write(bytes, () => resolve(raw));
      });
      const raw = new Raw(socket);
      socket.once('close', () => resolve(raw));
    });
  }

  async answers(count: number): Promise<void> {
    await eventually(() => this.text.split('HTTP/1.1 ').length > count, { what: `answer ${count}` });
  }
}

const many = (count: number, bytes = ''): Promise<Raw[]> =>
  Promise.all(Array.from({ length: count }, () => Raw.open(bytes)));
const openOf = (raws: Raw[]): number => raws.filter(({ isOpen }) => isOpen).length;
const get = (key?: string, path = '/owners'): string =>
  `GET /v1${path} HTTP/1.1\r\nHost: x\r\n${key ? `Authorization: Bearer ${key}\r\n` : ''}\r\n`;

describe('when all places are taken', () => {
  test('by connections that are idle, a key is served all the same, and no more stay than there are places', async () => {
    const idle = await many(PLACES * 5);
    const asked = await Raw.open(get(ADMIN_KEY));
    await asked.answers(1);
    expect(asked.text).toMatch(/^HTTP\/1.1 200 /);
    await eventually(() => openOf(idle) < PLACES, { what: 'room' });
    expect(api.server.logLines.filter((line) => line.includes('all places for connections'))).toHaveLength(1);
  });

  test('by connections without a key that go on asking, too', async () => {
    const strangers = await many(PLACES * 2, get());
    for (const one of strangers) if (one.isOpen) one.socket.write(get('wrong'));
    const asked = await Raw.open(get(ADMIN_KEY));
    await asked.answers(1);
    expect(asked.text).toMatch(/^HTTP\/1.1 200 /);
    await eventually(() => openOf(strangers) < PLACES, { what: 'room' });
  });

  test('live output, waits and idle connections of valid keys stay, and connections without a key go', async () => {
    const jobId = (await api.server.createJob(api.serviceId, 'sleep 60')).id;
    const socket = await subscribe(api.server, { resource: jobId });
    const stream = await Raw.open(
      get(ADMIN_KEY, `/logs/stream?ownerId=${api.workspaceId}&resource=${jobId}`),
    );
    const waiting = await Raw.open(get(ADMIN_KEY, `/jobs/${jobId}/wait?timeoutSeconds=60`));
    const kept = await many(10, get(ADMIN_KEY));
    for (const one of [stream, ...kept]) await one.answers(1);
    const idle = await many(PLACES * 5);
    await eventually(() => openOf(idle) < PLACES, { what: 'room' });
    expect(openOf([stream, waiting, ...kept])).toBe(12);
    expect(socket.socket.readyState).toBe(socket.socket.OPEN);
    for (const one of kept) one.socket.write(get(ADMIN_KEY));
    for (const one of kept) await one.answers(2);
    await api.admin.ok('cancel-job', { params: { serviceId: api.serviceId, jobId } });
    await waiting.answers(1);
    expect(waiting.text).toMatch(/^HTTP\/1.1 200 /);
    expect(await socket.closed).toBe(1000);
  });

  test('by live output of valid keys, a new connection is closed and none of those', async () => {
    const path = `/logs/stream?ownerId=${api.workspaceId}&resource=${api.serviceId}`;
    const streams = await many(PLACES, get(ADMIN_KEY, path));
    for (const one of streams) await one.answers(1);
    const late = await Raw.open(get(ADMIN_KEY));
    await eventually(() => !late.isOpen, { what: 'the end of the new connection' });
    expect(openOf(streams)).toBe(PLACES);
  });
});

describe('what never comes whole is gone within seconds', { timeout: 60_000 }, () => {
  const half = (more: string): string => `POST /v1/services/x/jobs HTTP/1.1\r\nHost: x\r\n${more}`;
  test.each([
    ['nothing at all', ''],
    ['half of the headers', half('')],
    [
      'half of a body, with a key',
      half(`Authorization: Bearer ${ADMIN_KEY}\r\nContent-Length: 100\r\n\r\n{"start`),
    ],
    [
      'half of a chunk, with a key',
      half(`Authorization: Bearer ${ADMIN_KEY}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"`),
    ],
    ['half of a body, without a key', half('Content-Length: 100\r\n\r\n{"start')],
    ['what is not HTTP, and no end', 'hello\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const raws = await many(PLACES - 10, bytes);
    const { server } = api.server.running.app;
    // Also at the server, where each of them takes a descriptor.
    await eventually(
      () => new Promise<boolean>((resolve) => server.getConnections((_error, count) => resolve(count < 10))),
      { withinMs: 20_000, what: 'the end of all of them' },
    );
    await eventually(() => openOf(raws) === 0, { what: 'their ends to be seen' });
  });

  test('a body that comes slowly, but comes, is taken', async () => {
    const body = '{"value": "slow"}';
    const raw = await Raw.open(
      `PUT /v1/services/${api.serviceId}/env-vars/SLOW HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    for (const part of body.match(/.{1,6}/g)!) {
      raw.socket.write(part);
      // All together longer than a body may stand still.
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
    await raw.answers(1);
    expect(raw.text).toMatch(/^HTTP\/1.1 200 /);
  });
});

test('there are far fewer places than descriptors, unless the operator says how many', async () => {
  const { Connections } = await import('../../src/api/connections.ts');
  const { createServer } = await import('node:http');
  const { descriptorLimit } = await import('../../src/shared/descriptors.ts');
  const server = createServer();
  const places = new Connections(server, api.server.running.context.logger).places;
  expect(places).toBe(Math.min(5000, Math.floor(descriptorLimit()! / 3)));
  expect(new Connections(server, api.server.running.context.logger, 7).places).toBe(7);
  server.emit('close');
});
