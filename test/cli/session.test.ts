import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { connect, findService } from '../../src/cli/session.ts';
import { createClient } from '../../src/client/client.ts';

test('a name that several services have is not guessed: the message lists their ids', async () => {
  const services = ['srv-c3rfdgg6n88pa7t3a6ag', 'srv-c3rfdgg6n88pa7t3a6b0'].map((id) => ({
    service: { id, name: 'twin' },
    cursor: id,
  }));
  const server = createServer((_, response) => response.end(JSON.stringify(services)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const client = createClient({ host: `127.0.0.1:${port}`, apiKey: 'a-key' });
    await expect(findService(client, 'twin')).rejects.toThrow(/3a6ag, srv-c3rfdgg6n88pa7t3a6b0/);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test('the first names count: ERRAND_* before RENDER_*, and this machine where no host is named', () => {
  const render = { RENDER_HOST: 'https://other.example/v1/', RENDER_API_KEY: 'k' };
  expect(connect({ ...render, ERRAND_HOST: 'errand.example' }).root).toBe('https://errand.example');
  expect(connect(render).root).toBe('https://other.example');
  expect(connect({ ERRAND_API_KEY: 'k' }).root).toBe('http://127.0.0.1:8080');
});

test('a host that is no address is named together with the variable', () => {
  expect(() => connect({ ERRAND_HOST: 'http://', ERRAND_API_KEY: 'k' })).toThrow(/ERRAND_HOST.*http:\/\//);
});
