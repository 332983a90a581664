/** A key is not sent to a program on this machine that merely listens where the server is expected. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { hashKey, keyHint, keyProof } from '../../src/shared/key-proof.ts';
import { ADMIN_KEY, TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ executor: 'process' });
});
afterAll(async () => server.close());

/** @returns what it was sent, header by header and address by address */
async function impostor(answer: (url: string) => unknown) {
  const seen: string[] = [];
  const program = createServer((request, response) => {
    seen.push(request.url!, JSON.stringify(request.headers));
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(request.url!)));
  });
  await new Promise<void>((resolve) => program.listen(0, '127.0.0.1', resolve));
  const host = `http://127.0.0.1:${(program.address() as AddressInfo).port}`;
  return { seen, host, close: () => program.close() };
}

test('a server that knows the key proves it and is used', async () => {
  const client = createClient({ host: server.running.url, apiKey: ADMIN_KEY, requiresProof: true });
  expect(await client.call('list-owners')).toHaveLength(1);
});

test('a server that does not know the key refuses as it does without a proof', async () => {
  const client = createClient({ host: server.running.url, apiKey: 'another-key', requiresProof: true });
  await expect(client.call('list-owners')).rejects.toMatchObject({ status: 401 });
});

test.each([
  ['answers whatever it is asked', () => []],
  ['makes up a proof', () => ({ proof: 'f'.repeat(64) })],
  [
    'proves that it knows the hint alone',
    (url: string) => {
      const nonce = new URL(url, 'http://x').searchParams.get('nonce')!;
      return { proof: keyProof(keyHint(hashKey(ADMIN_KEY)), nonce) };
    },
  ],
])('a program that %s is not sent the key', async (_what, answer) => {
  const other = await impostor(answer);
  try {
    const client = createClient({ host: other.host, apiKey: ADMIN_KEY, requiresProof: true });
    await expect(client.call('list-owners')).rejects.toThrow('does not prove that it knows the key');
    expect(other.seen.filter((text) => text.startsWith('/'))).toHaveLength(1);
    expect(other.seen.join()).not.toContain(ADMIN_KEY);
    expect(other.seen.join()).not.toContain(hashKey(ADMIN_KEY));
  } finally {
    other.close();
  }
});

test('a part of the hash gives no access to anything else', async () => {
  const headers = { authorization: `Key-Hint ${keyHint(hashKey(ADMIN_KEY))}` };
  for (const path of ['/owners', '/services', '/keys', '/proof/../owners']) {
    expect((await fetch(`${server.url}${path}`, { headers })).status).toBe(401);
  }
  expect((await fetch(`${server.url}/proof?nonce=short`, { headers })).status).toBe(400);
  expect((await fetch(`${server.url}/proof?nonce=${'a'.repeat(64)}`)).status).toBe(401);
});
