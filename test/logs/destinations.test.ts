/** Receivers of forwarded output that are not connected to. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SyslogConnection } from '../../src/logs/syslog-connection.ts';
import { nameRefusedAddresses } from '../../src/services/refused-addresses.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

let api: TestApi;
let listener: Server;
let port: number;
let touched = 0;

beforeAll(async () => {
  api = await startApi();
  listener = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  listener.listen(0, '::');
  await once(listener, 'listening');
  port = (listener.address() as { port: number }).port;
});
afterAll(async () => {
  listener.close();
  await api.close();
});

describe('the endpoint of a log stream', () => {
  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    'localhost',
    '[::1]',
    '[::ffff:10.0.0.1]',
    '[fd00::1]',
    '10.0.0.1',
    '172.16.5.5',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '[fe80::1]',
    '0.0.0.0',
  ])('%s is refused when it is given, for a workspace and for a service', async (host) => {
    const endpoint = `${host}:${port}`;
    const params = { ownerId: api.workspaceId };
    const own = { endpoint, preview: 'send' as const };
    const common = await api.admin.refused('update-owner-log-stream', { params, body: own });
    const single = await api.admin.refused('update-resource-log-stream', {
      params: { resourceId: api.serviceId },
      body: { endpoint, setting: 'send' },
    });
    for (const { status, message } of [common, single]) {
      expect(status).toBe(400);
      expect(message).toContain('--allow-private-destinations');
    }
    expect(touched).toBe(0);
  });

  test('of an older row is not connected to, and one neutral error says so', async () => {
    await rowOf(`localhost:${port}`);
    await api.server.run(api.serviceId, 'echo to nobody');
    const lastError = await eventually(async () => {
      const { status } = await api.admin.ok('get-owner-log-stream', { params: { ownerId: api.workspaceId } });
      return status?.lastError;
    });
    expect(lastError).toBe(
      'localhost cannot be reached, or is at an address that this server does not connect to',
    );
    expect(touched).toBe(0);
  });

  test('of an older row is named when the server starts', async () => {
    await rowOf(`localhost:${port}`);
    await nameRefusedAddresses(api.server.running.context, new AbortController().signal);
    const named = api.server.logLines.filter((line) => line.includes('log stream is refused now'));
    expect(named.some((line) => line.includes(api.workspaceId) && line.includes('localhost'))).toBe(true);
  });

  test('gets the same error whether a port is closed or something else answers there', async () => {
    const closed = createServer();
    closed.listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const unused = (closed.address() as { port: number }).port;
    closed.close();
    const messages = [];
    for (const at of [port, unused, 1]) {
      const rule = { private: true, local: at !== 1 };
      const opening = SyslogConnection.open(`127.0.0.1:${at}`, rule, undefined, new AbortController().signal);
      messages.push(await opening.catch((error: Error) => error.message));
    }
    expect(new Set(messages).size).toBe(1);
  });
});

/** As a server without the rule stored it. */
async function rowOf(endpoint: string): Promise<void> {
  await api.admin.ok('update-owner-log-stream', {
    params: { ownerId: api.workspaceId },
    body: { endpoint: 'logs.invalid:6514', preview: 'send' },
  });
  await api.server.running.context.database.write((trx) =>
    trx.updateTable('log_streams').set({ endpoint }).where('workspace_id', '=', api.workspaceId).execute(),
  );
}
