/** A data folder on a file system of its own, which is filled to the last byte. Needs root, as the local executor does. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestServer } from '../support/server.ts';

let mount: string;
let server: TestServer;
let serviceId: string;

beforeEach(async () => {
  mount = mkdtempSync(join(tmpdir(), 'errand-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', mount]);
  server = await TestServer.start({ dataDir: join(mount, 'data'), diskReserve: '16MB' });
  serviceId = await server.seedService();
});
afterEach(async () => {
  await server.close();
  execFileSync('umount', [mount]);
  rmSync(mount, { recursive: true, force: true });
});

const stuffing = (): string => join(mount, 'stuffing');

/** Leaves not one byte free. */
function fill(): void {
  const file = openSync(stuffing(), 'a');
  try {
    for (let size = 2 ** 20; size >= 1; ) {
      try {
        if (writeSync(file, Buffer.alloc(size, 7)) < size) size >>= 1;
      } catch {
        size >>= 1;
      }
    }
  } finally {
    closeSync(file);
  }
}

test('on a full disk new work is refused, what runs is recorded, and room is enough to go on', async () => {
  const running = await server.createJob(serviceId, 'sleep 1000');
  await eventually(async () => (await server.job(running.id)).status === 'running', { what: 'the start' });
  const endless = await server.createJob(serviceId, 'sleep 1000');
  await eventually(async () => (await server.job(endless.id)).status === 'running', {
    what: 'the second start',
  });
  fill();

  const refused = await eventually(async () => {
    const answer = await server.call<{ message: string }>('POST', `/services/${serviceId}/jobs`, {
      startCommand: 'true',
    });
    return answer.status === 503 && answer;
  });
  expect(refused.body.message).toMatch(/accepts no new jobs now: .* \d MB free, .*reserve of 16 MB/);
  const deploy = await server.call<{ message: string }>('POST', `/services/${serviceId}/deploys`, {});
  expect(deploy.status).toBe(503);

  // Its end and that of a job that is canceled are stored while nothing else can be.
  expect((await server.call('POST', `/services/${serviceId}/jobs/${endless.id}/cancel`)).status).toBe(200);
  expect(await server.finished(endless.id)).toMatchObject({ status: 'canceled' });
  expect((await server.job(running.id)).status).toBe('running');

  rmSync(stuffing());
  const next = await eventually(async () => {
    const answer = await server.call<{ id: string }>('POST', `/services/${serviceId}/jobs`, {
      startCommand: 'echo again',
    });
    return answer.status === 201 && answer.body;
  });
  expect(await server.finished(next.id)).toMatchObject({ status: 'succeeded' });
  expect(await server.output(next.id)).toEqual(['again']);
});

test('a job that ends by itself on a full disk keeps its exit code', async () => {
  const job = await server.createJob(serviceId, 'sleep 2; exit 5');
  await eventually(async () => (await server.job(job.id)).status === 'running', { what: 'the start' });
  fill();
  expect(await server.finished(job.id)).toMatchObject({ status: 'failed', exitCode: 5 });
});
