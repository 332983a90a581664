/** What is left on the disk of a service that was deleted: nothing. */
import { existsSync, mkdirSync, utimesSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { cacheFolder } from '../../src/builds/artifact-path.ts';
import { sweepBuildFolders } from '../../src/builds/remove-old-artifacts.ts';
import { newId } from '../../src/shared/ids.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let repository: GitRepository;

beforeAll(async () => {
  server = await TestServer.start({ executor: 'process' });
});
afterAll(async () => server.close());
beforeEach(() => {
  repository = new GitRepository({ 'app.txt': 'from git\n' });
});
afterEach(() => repository.remove());

let count = 0;

/** Its build has begun: there is a cache. */
async function createService(buildCommand: string): Promise<string> {
  count += 1;
  const { body } = await server.call<{ service: { id: string } }>('POST', '/services', {
    type: 'background_worker',
    name: `built-${count}`,
    ownerId: await server.workspaceId(),
    repo: repository.path,
    branch: 'main',
    serviceDetails: {
      runtime: 'python',
      numInstances: 1,
      envSpecificDetails: { buildCommand, startCommand: 'true' },
    },
  });
  const { id } = body.service;
  await eventually(async () => (await server.output(id)).includes('it runs'), { what: 'the build' });
  expect(existsSync(cacheFolder(server.config, id))).toBe(true);
  return id;
}

const isLive = async (id: string): Promise<boolean> => {
  const { body } = await server.call<{ deploy: { status: string } }[]>('GET', `/services/${id}/deploys`);
  return body[0]?.deploy.status === 'live';
};

test('the cache of its builds goes soon, and that of another service stays', async () => {
  const [gone, kept] = [await createService('echo it runs'), await createService('echo it runs')];
  await eventually(async () => (await isLive(gone)) && (await isLive(kept)), { what: 'both builds' });
  await server.call('DELETE', `/services/${gone}`);
  await eventually(() => !existsSync(cacheFolder(server.config, gone)), { what: 'the removal' });
  expect(existsSync(cacheFolder(server.config, kept))).toBe(true);
});

test('the cache goes when its build runs at that time', async () => {
  const id = await createService('echo it runs; sleep 600');
  await server.call('DELETE', `/services/${id}`);
  await eventually(() => !existsSync(cacheFolder(server.config, id)), { what: 'the removal' });
});

test('the cache goes at the next start when the server was killed before', async () => {
  const id = await createService('echo it runs');
  await eventually(() => isLive(id), { what: 'the build' });
  await server.call('DELETE', `/services/${id}`);
  await eventually(() => !existsSync(cacheFolder(server.config, id)), { what: 'the removal' });
  await server.restart(() => mkdirSync(cacheFolder(server.config, id)));
  await eventually(() => !existsSync(cacheFolder(server.config, id)), {
    what: 'the removal after the start',
  });
});

test('a cache of no service at all goes when it is old', async () => {
  const [young, old] = [newId('srv'), newId('srv')].map((id) => cacheFolder(server.config, id)) as [
    string,
    string,
  ];
  for (const folder of [young, old]) mkdirSync(folder, { recursive: true });
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
  utimesSync(old, longAgo, longAgo);
  await sweepBuildFolders(server.running.context);
  expect([existsSync(young), existsSync(old)]).toEqual([true, false]);
});

test('the credential of its repository is erased', async () => {
  const id = await server.seedService(
    {},
    { extra: JSON.stringify({ repoCredentialSealed: 'sealed', kept: 1 }) },
  );
  await server.call('DELETE', `/services/${id}`);
  const row = await server.running.context.database.read
    .selectFrom('services')
    .select('extra')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  expect(JSON.parse(row.extra)).toMatchObject({ kept: 1 });
  expect(row.extra).not.toContain('sealed');
});
