/** A server that is started with another executor on the folder of one that left jobs and builds running. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Deploy } from '../../src/api/contract-types.ts';
import { instanceProcesses } from '../../torture/leftovers.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;

beforeEach(async () => {
  server = await TestServer.start({ executor: 'local', maxMemory: '1GB' });
  serviceId = await server.seedService({}, { details: JSON.stringify({ maxShutdownDelaySeconds: 1 }) });
});
afterEach(async () => {
  // What is left is removed by what made it.
  if (server.config.executor !== 'local') await withExecutor('local');
  await server.close();
});

async function withExecutor(executor: 'local' | 'process'): Promise<void> {
  await server.restart(() => {
    server.config.executor = executor;
  });
}

async function started(command: string): Promise<string> {
  const { id } = await server.createJob(serviceId, command);
  await eventually(async () => (await server.job(id)).status === 'running', { what: `the start of ${id}` });
  return id;
}

/** Long enough for two looks at everything that is on the machine. */
const looksPassed = (): Promise<unknown> =>
  eventually(
    async () => {
      const { status } = await server.call('GET', '/owners');
      return status === 200 && performance.now() - restartedAt > 5000;
    },
    { what: 'two looks of the sweep' },
  );
let restartedAt = 0;

test('leaves the jobs of the other alone, says so, runs its own beside them, and hands them back', async () => {
  const long = await started('trap "echo told; exit 5" TERM; echo began; while :; do sleep 0.1; done');
  const ends = await started('sleep 3; echo ended; exit 4');
  await withExecutor('process');
  restartedAt = performance.now();
  expect(server.logLines.join('')).toMatch(
    /jobs or builds of another executor are left alone .*"local".*count=2/,
  );
  expect(await server.job(long)).toMatchObject({
    status: 'running',
    statusReason: expect.stringMatching(
      /started by the local executor .* start the server with --executor local/,
    ),
  });
  // They hold nothing of what this server may give: two such jobs are all of it.
  const own = await Promise.all([1, 2].map(() => server.run(serviceId, 'echo own')));
  expect(own.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
  await looksPassed();
  for (const id of [long, ends]) expect((await server.job(id)).status).toBe('running');
  expect(instanceProcesses(long).length).toBeGreaterThan(0);
  expect(existsSync(join(server.config.dataDir, 'instances', ends))).toBe(true);

  await withExecutor('local');
  expect(await server.job(long)).not.toHaveProperty('statusReason');
  expect(await server.finished(ends)).toMatchObject({ status: 'failed', exitCode: 4 });
  expect(await server.output(ends)).toEqual(['ended']);
  await server.call('POST', `/services/${serviceId}/jobs/${long}/cancel`);
  expect(await server.finished(long)).toMatchObject({ status: 'canceled', exitCode: 5 });
  expect(await server.output(long)).toEqual(expect.arrayContaining(['began', 'told']));
}, 60_000);

test('stores that a job of the other is to be canceled, and that is done when the other is back', async () => {
  const id = await started('echo began; sleep 1000');
  await withExecutor('process');
  const canceled = await server.call<{ statusReason: string }>(
    'POST',
    `/services/${serviceId}/jobs/${id}/cancel`,
  );
  expect(canceled.status).toBe(200);
  expect(canceled.body.statusReason).toContain('what ends it is done then');
  expect(instanceProcesses(id).length).toBeGreaterThan(0);
  expect((await server.job(id)).status).toBe('running');
  await withExecutor('local');
  expect(await server.finished(id)).toMatchObject({ status: 'canceled' });
  expect(instanceProcesses(id)).toEqual([]);
}, 60_000);

describe('builds', () => {
  let repository: GitRepository;
  beforeEach(() => {
    repository = new GitRepository({ 'app.txt': 'from git\n' });
  });
  afterEach(() => repository.remove());

  test('of the other are left alone as well, and come to their end when it is back', async () => {
    const { body } = await server.call<{ service: { id: string }; deployId: string }>('POST', '/services', {
      type: 'background_worker',
      name: 'built',
      ownerId: await server.workspaceId(),
      repo: repository.path,
      branch: 'main',
      serviceDetails: {
        runtime: 'python',
        numInstances: 1,
        envSpecificDetails: {
          buildCommand: 'echo it runs; until [ -e go ]; do sleep 0.1; done; echo ended',
          startCommand: 'true',
        },
      },
    });
    const { service, deployId } = body;
    const deploy = async (id: string): Promise<Deploy> =>
      (await server.call<Deploy>('GET', `/services/${service.id}/deploys/${id}`)).body;
    await eventually(async () => (await server.output(service.id)).includes('it runs'), {
      what: 'the build',
    });
    await withExecutor('process');
    restartedAt = performance.now();
    const second = await server.call<Deploy>('POST', `/services/${service.id}/deploys`, {});
    await looksPassed();
    expect(await deploy(deployId)).toMatchObject({
      status: 'build_in_progress',
      statusReason: expect.stringContaining('is built by the local executor'),
    });
    expect(await deploy(second.body.id!)).toMatchObject({
      status: 'queued',
      statusReason: expect.stringContaining(`waits for the end of deploy ${deployId}`),
    });
    await withExecutor('local');
    writeFileSync(join(server.config.dataDir, 'builds', deployId, 'tree', 'go'), '');
    await eventually(async () => /live|deactivated/.test((await deploy(deployId)).status!), {
      what: 'the end of the build',
    });
    expect((await server.output(service.id)).filter((line) => line === 'it runs').length).toBe(1);
    await server.call('POST', `/services/${service.id}/deploys/${second.body.id}/cancel`);
  }, 60_000);
});
