/** Limits of real jobs while clocks jump and servers come and go. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { JumpingClock } from '../support/jumping-clock.ts';
import { TestServer } from '../support/server.ts';

const DAY_MS = 24 * 3600 * 1000;
const MONTH_SECONDS = 30 * 24 * 3600;
let clock: JumpingClock;
let server: TestServer;
let serviceId: string;

beforeEach(async () => {
  clock = new JumpingClock();
  server = await TestServer.start({}, clock);
  serviceId = await server.seedService({}, { details: JSON.stringify({ maxShutdownDelaySeconds: 1 }) });
});
afterEach(async () => server.close());

async function startedJob(more: Record<string, unknown> = {}): Promise<string> {
  const { id } = await server.createJob(serviceId, 'sleep 1000', more);
  await eventually(async () => (await server.job(id)).status === 'running', { what: `the start of ${id}` });
  return id;
}

test('a wall clock that jumps a day ahead fires no limit early, and none late', async () => {
  const long = await startedJob({ timeoutSeconds: 3600 });
  const short = await startedJob({ timeoutSeconds: 2 });
  const began = performance.now();
  clock.wallAheadMs = DAY_MS;
  const ended = await server.finished(short);
  expect(ended).toMatchObject({ status: 'failed', reason: { timedOutSeconds: 2 } });
  expect(performance.now() - began).toBeLessThan(3500);
  expect((await server.job(long)).status).toBe('running');
});

test('a wall clock that jumps a day back fires no limit late', async () => {
  const short = await startedJob({ timeoutSeconds: 2 });
  const began = performance.now();
  clock.wallAheadMs = -DAY_MS;
  expect(await server.finished(short)).toMatchObject({ status: 'failed', reason: { timedOutSeconds: 2 } });
  expect(performance.now() - began).toBeLessThan(3500);
});

test('a job without a limit of its own has 30 days, also over restarts', async () => {
  const id = await startedJob();
  await server.restart(() => {
    clock.monotonicAheadMs = (MONTH_SECONDS - 60) * 1000;
  });
  expect((await server.job(id)).status).toBe('running');
  await server.restart(() => {
    clock.monotonicAheadMs = (MONTH_SECONDS + 1) * 1000;
  });
  expect(await server.finished(id)).toMatchObject({
    status: 'failed',
    reason: { timedOutSeconds: MONTH_SECONDS },
  });
});

test('a limit that passes while there is no server fires when there is one again', async () => {
  const id = await startedJob({ timeoutSeconds: 60 });
  await server.restart(() => {
    clock.monotonicAheadMs = 61_000;
  });
  expect(await server.finished(id)).toMatchObject({ status: 'failed', reason: { timedOutSeconds: 60 } });
});

test('a limit of more than 30 days, of none, and of parts of seconds is refused', async () => {
  for (const timeoutSeconds of [MONTH_SECONDS + 1, 0, -1, 1.5]) {
    const answer = await server.call<{ message: string }>('POST', `/services/${serviceId}/jobs`, {
      startCommand: 'true',
      timeoutSeconds,
    });
    expect(answer.status).toBe(400);
    expect(answer.body.message).toContain('timeoutSeconds');
  }
});
