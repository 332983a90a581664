import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;

beforeAll(async () => {
  server = await TestServer.start();
  serviceId = await server.seedService({ 'hello.txt': 'from the build\n' });
});
afterAll(async () => server.close());

describe('a job', () => {
  test('runs its command against the artifact and succeeds', async () => {
    const job = await server.run(serviceId, 'echo hi; cat hello.txt');
    expect(job).toMatchObject({ status: 'succeeded', exitCode: 0, serviceId, planId: 'plan-srv-006' });
    expect(job.output).toEqual(['hi', 'from the build']);
  });

  test('fails with the exit code of its command', async () => {
    const job = await server.run(serviceId, 'echo no >&2; exit 3');
    expect(job).toMatchObject({ status: 'failed', exitCode: 3, reason: { evicted: false, nonZeroExit: 3 } });
  });

  test('has times in order, and its lines lie between its start and its end', async () => {
    const job = await server.run(serviceId, 'echo one; echo two');
    expect(job.createdAt <= job.startedAt!).toBe(true);
    expect(job.startedAt! <= job.finishedAt!).toBe(true);
    const owner = await server.workspaceId();
    const { body } = await server.call<{ logs: { message: string }[] }>(
      'GET',
      `/logs?ownerId=${owner}&resource=${job.id}&direction=forward&startTime=${job.startedAt}&endTime=${job.finishedAt}`,
    );
    expect(body.logs.map(({ message }) => message)).toEqual(['one', 'two']);
  });
});
