import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Started, startErrand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { patient } from '../support/patience.ts';
import { ADMIN_KEY } from '../support/server.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'errand-crash-'));
const KEYS = 40;
const ROUNDS = 5;
let server: Started | undefined;
let url = '';

afterAll(async () => {
  server?.process.kill('SIGKILL');
  await server?.ended;
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const port = await freePort();
  url = `http://127.0.0.1:${port}/v1`;
  const flags = ['--data-dir', dataDir, '--port', String(port), '--executor', 'process'];
  server = startErrand(['serve', ...flags], { ERRAND_ADMIN_API_KEY: ADMIN_KEY });
  await eventually(async () => (await send('GET', '/owners'))?.status === 200, { what: 'the server' });
}

/** Undefined when the server went away before it answered. */
async function send(method: string, path: string, body?: unknown, key?: string) {
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as unknown };
  } catch {
    return undefined;
  }
}

test('requests sent again after a SIGKILL were carried out once each', {
  timeout: patient(120_000),
}, async () => {
  await start();
  const owners = (await send('GET', '/owners'))!.body as { owner: { id: string } }[];
  const ownerId = owners[0]!.owner.id;
  const create = (round: number, at: number) =>
    send('POST', '/projects', { name: `p-${round}-${at}`, ownerId, environments: [] }, `key-${round}-${at}`);
  const numbers = Array.from({ length: KEYS }, (_, at) => at);
  let cutOff = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const answers = numbers.map((at) => create(round, at));
    // Dead as soon as the first is answered: others are committed and unanswered, others not begun.
    await Promise.race(answers);
    server!.process.kill('SIGKILL');
    const first = await Promise.all(answers);
    cutOff += first.filter((answer) => answer === undefined).length;
    await server!.ended;
    await start();
    const again = await Promise.all(numbers.map((at) => create(round, at)));
    for (const [at, answer] of again.entries()) {
      expect(answer!.status).toBe(201);
      if (first[at]) expect(answer!.body).toEqual(first[at].body);
      const named = await send('GET', `/projects?name=p-${round}-${at}`);
      expect(named!.body).toHaveLength(1);
    }
  }
  // Otherwise the kills came too late to tell anything.
  expect(cutOff).toBeGreaterThan(0);
});
