import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Deploy, Service } from '../../src/api/contract-types.ts';
import { artifactFolder, artifactTree, buildFolder, cacheFolder } from '../../src/builds/artifact-path.ts';
import { removeOldArtifacts, sweepBuildFolders } from '../../src/builds/remove-old-artifacts.ts';
import { newId } from '../../src/shared/ids.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let ownerId: string;
let repository: GitRepository;

beforeAll(async () => {
  server = await TestServer.start({ executor: 'process', maxBuilds: '2' });
  ownerId = await server.workspaceId();
});
afterAll(async () => server.close());
beforeEach(() => {
  repository = new GitRepository({ 'app.txt': 'from git\n', 'apps/web/page.txt': 'web\n' });
});
afterEach(() => repository.remove());

let count = 0;

async function createService(
  buildCommand: string,
  more: Record<string, unknown> = {},
): Promise<{ service: Service; deployId: string }> {
  count += 1;
  const { status, body } = await server.call<{ service: Service; deployId: string }>('POST', '/services', {
    type: 'background_worker',
    name: `built-${count}`,
    ownerId,
    repo: repository.path,
    branch: 'main',
    serviceDetails: {
      runtime: 'python',
      numInstances: 1,
      envSpecificDetails: { buildCommand, startCommand: 'true' },
    },
    ...more,
  });
  if (status !== 201)
    throw new Error(`creating a service: ${status} ${JSON.stringify(body)}\n${server.logLines.at(-1)}`);
  return body;
}

const ENDED = ['live', 'build_failed', 'update_failed', 'canceled', 'deactivated'];

async function deployOf(serviceId: string, deployId: string): Promise<Deploy> {
  return (await server.call<Deploy>('GET', `/services/${serviceId}/deploys/${deployId}`)).body;
}

async function ended(serviceId: string, deployId: string): Promise<Deploy> {
  return eventually(
    async () => {
      const deploy = await deployOf(serviceId, deployId);
      return ENDED.includes(deploy.status!) && !existsSync(buildFolder(server.config, deployId))
        ? deploy
        : undefined;
    },
    { what: `the end of ${deployId}`, withinMs: 25_000 },
  );
}

async function redeploy(serviceId: string, body: Record<string, unknown> = {}): Promise<Deploy> {
  const answer = await server.call<Deploy>('POST', `/services/${serviceId}/deploys`, body);
  expect(answer.status).toBe(201);
  return answer.body;
}

async function artifactOf(deployId: string) {
  return server.running.context.database.read
    .selectFrom('artifacts')
    .selectAll()
    .where('deploy_id', '=', deployId)
    .executeTakeFirst();
}

const buildLog = (serviceId: string): Promise<string[]> => server.output(serviceId);

async function eventTypes(serviceId: string): Promise<string[]> {
  const rows = await server.running.context.database.read
    .selectFrom('events')
    .select('type')
    .where('service_id', '=', serviceId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(({ type }) => type);
}

describe('a build', () => {
  test('clones, runs the build command and freezes the result', async () => {
    const { service, deployId } = await createService('cp app.txt built.txt; echo built here');
    const deploy = await ended(service.id, deployId);
    expect(deploy).toMatchObject({
      status: 'live',
      trigger: 'other',
      commit: { id: repository.git('rev-parse', 'main'), message: 'first' },
    });
    expect(deploy.createdAt! <= deploy.startedAt! && deploy.startedAt! <= deploy.finishedAt!).toBe(true);
    const artifact = (await artifactOf(deployId))!;
    expect(readFileSync(join(artifactTree(server.config, artifact), 'built.txt'), 'utf8')).toBe('from git\n');
    const manifest = JSON.parse(
      readFileSync(join(artifactFolder(server.config, artifact.id), 'manifest.json'), 'utf8'),
    );
    expect(manifest).toMatchObject({
      id: artifact.id,
      serviceId: service.id,
      deployId,
      commit: deploy.commit!.id,
      bytes: artifact.size_bytes,
    });
    expect(manifest.files).toBeGreaterThan(3);
    expect(await buildLog(service.id)).toEqual([
      `==> Cloning from ${repository.path}`,
      `==> Checked out commit ${deploy.commit!.id} of branch main`,
      "==> Running build command 'cp app.txt built.txt; echo built here'",
      'built here',
      '==> Freezing the build',
      '==> Build succeeded; new jobs run against it',
    ]);
    expect(await eventTypes(service.id)).toEqual([
      'deploy_started',
      'build_started',
      'build_ended',
      'deploy_ended',
    ]);
  });

  test('is what a job of the service runs against', async () => {
    const { service, deployId } = await createService('echo made > made.txt');
    await ended(service.id, deployId);
    const job = await server.run(service.id, 'cat made.txt app.txt; echo $RENDER_GIT_BRANCH');
    expect(job.output).toEqual(['made', 'from git', 'main']);
  });

  test('without a build command is the repository as it is', async () => {
    const { service, deployId } = await createService('');
    expect((await ended(service.id, deployId)).status).toBe('live');
    const artifact = (await artifactOf(deployId))!;
    expect(readFileSync(join(artifactTree(server.config, artifact), 'app.txt'), 'utf8')).toBe('from git\n');
  });

  test('runs in the root folder of the service', async () => {
    const { service, deployId } = await createService('cat page.txt > copy.txt', { rootDir: './apps/web/' });
    await ended(service.id, deployId);
    const artifact = (await artifactOf(deployId))!;
    expect(artifact.root_dir).toBe('apps/web');
    expect(readFileSync(join(artifactTree(server.config, artifact), 'apps/web/copy.txt'), 'utf8')).toBe(
      'web\n',
    );
  });

  test('fails when the root folder is not there', async () => {
    const { service, deployId } = await createService('true', { rootDir: 'apps/nothing' });
    expect((await ended(service.id, deployId)).status).toBe('build_failed');
    expect((await buildLog(service.id)).at(-1)).toMatch(/rootDir apps\/nothing is not a folder/);
  });

  test('does not follow a root folder that is a link out of the repository', async () => {
    repository.git('rm', '-q', '-r', 'apps');
    repository.git('commit', '-q', '-m', 'without apps');
    symlinkSync('/etc', join(repository.path, 'apps'));
    repository.commit({}, 'a link');
    const { service, deployId } = await createService('true', { rootDir: 'apps' });
    expect((await ended(service.id, deployId)).status).toBe('build_failed');
  });

  test('sees the variables and secret files of the service, and Errand’s own', async () => {
    const { service, deployId } = await createService(
      'echo "$GREETING $RENDER $RENDER_SERVICE_NAME $RENDER_GIT_REPO_SLUG $(printenv NODE_ENV || echo none)" > env.txt',
      {
        envVars: [{ key: 'GREETING', value: 'hello' }],
        secretFiles: [{ name: '.env', content: 'marker-7' }],
      },
    );
    await ended(service.id, deployId);
    const tree = artifactTree(server.config, (await artifactOf(deployId))!);
    expect(readFileSync(join(tree, 'env.txt'), 'utf8')).toMatch(
      new RegExp(`^hello true ${service.name} tmp/errand-repo-\\w+ none\n$`),
    );
    // A secret file never becomes part of the artifact.
    expect(existsSync(join(tree, '.env'))).toBe(false);
  });

  test('that fails leaves the artifact before it in use, and nothing of its own on the disk', async () => {
    const { service, deployId } = await createService('test ! -e broken');
    await ended(service.id, deployId);
    repository.commit({ broken: 'x' }, 'break it');
    const broken = await redeploy(service.id);
    expect(await ended(service.id, broken.id)).toMatchObject({ status: 'build_failed' });
    expect((await deployOf(service.id, deployId)).status).toBe('live');
    expect(await artifactOf(broken.id)).toBeUndefined();
    expect(existsSync(artifactFolder(server.config, broken.id.replace('dep', 'art')))).toBe(false);
    expect((await server.run(service.id, 'ls')).output).not.toContain('broken');
    const row = await server.running.context.database.read
      .selectFrom('deploys')
      .select('failure')
      .where('id', '=', broken.id)
      .executeTakeFirst();
    expect(row!.failure).toBe('the build command ended with exit code 1');
    expect(await buildLog(service.id)).toContain(
      '==> Build failed: the build command ended with exit code 1',
    );
  });

  test('of a newer commit replaces the one before', async () => {
    const { service, deployId } = await createService('');
    await ended(service.id, deployId);
    const commit = repository.commit({ 'app.txt': 'newer\n' }, 'newer');
    const newer = await redeploy(service.id);
    expect(await ended(service.id, newer.id)).toMatchObject({ status: 'live', commit: { id: commit } });
    expect((await deployOf(service.id, deployId)).status).toBe('deactivated');
    expect((await server.run(service.id, 'cat app.txt')).output).toEqual(['newer']);
  });

  test('can be of an older commit', async () => {
    const older = repository.git('rev-parse', 'HEAD');
    repository.commit({ 'app.txt': 'newer\n' }, 'newer');
    const { service, deployId } = await createService('');
    await ended(service.id, deployId);
    const { id } = await redeploy(service.id, { commitId: older });
    expect(await ended(service.id, id)).toMatchObject({ status: 'live', commit: { id: older } });
    expect((await server.run(service.id, 'cat app.txt')).output).toEqual(['from git']);
  });

  test('fails when the repository is not there, with what git said', async () => {
    const { service, deployId } = await createService('', { repo: `${repository.path}-nowhere` });
    expect((await ended(service.id, deployId)).status).toBe('build_failed');
    expect((await buildLog(service.id)).join('\n')).toMatch(/source code could not be fetched/);
  });

  test('of a suspended service goes live', async () => {
    const { service, deployId } = await createService('');
    await ended(service.id, deployId);
    await server.call('POST', `/services/${service.id}/suspend`);
    const { id } = await redeploy(service.id);
    expect((await ended(service.id, id)).status).toBe('live');
  });

  test.each([
    ['image', { image: { imagePath: 'nginx', ownerId: '' }, repo: undefined, branch: undefined }],
    ['docker', {}],
  ])('with runtime %s fails and names the executor it needs', async (runtime, more) => {
    const { service, deployId } = await createService('', {
      ...more,
      serviceDetails: { runtime, numInstances: 1 },
    });
    expect((await ended(service.id, deployId)).status).toBe('update_failed');
    expect((await buildLog(service.id)).join('\n')).toContain('needs the docker executor');
  });
});

describe('builds', () => {
  test('of one service run one after the other, in order', async () => {
    const { service, deployId } = await createService('test -e go');
    await ended(service.id, deployId);
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.push((await redeploy(service.id)).id);
    const deploys = [];
    for (const id of ids) deploys.push(await ended(service.id, id));
    for (const [before, after] of [
      [deploys[0]!, deploys[1]!],
      [deploys[1]!, deploys[2]!],
    ] as const) {
      expect(before.finishedAt! <= after.startedAt!).toBe(true);
    }
  });

  test('share a cache folder of their service until it is cleared', async () => {
    const { service, deployId } = await createService('true');
    await ended(service.id, deployId);
    const cache = cacheFolder(server.config, service.id);
    expect(existsSync(cache)).toBe(true);
    mkdirSync(join(cache, 'kept'));
    await ended(service.id, (await redeploy(service.id)).id);
    expect(existsSync(join(cache, 'kept'))).toBe(true);
    await ended(service.id, (await redeploy(service.id, { clearCache: 'clear' })).id);
    expect(existsSync(join(cache, 'kept'))).toBe(false);
  });
});

describe('cancelling', () => {
  const running = (serviceId: string) =>
    eventually(async () => (await buildLog(serviceId)).includes('it runs'), { what: 'the build to run' });

  test('a build ends its command and leaves the artifact before it in use', async () => {
    const { service, deployId } = await createService('test ! -e slow || { echo it runs; sleep 600; }');
    await ended(service.id, deployId);
    repository.commit({ slow: '' }, 'slow');
    const { id } = await redeploy(service.id);
    await running(service.id);
    const canceled = await server.call<Deploy>('POST', `/services/${service.id}/deploys/${id}/cancel`);
    expect(canceled).toMatchObject({ status: 200, body: { id, status: 'canceled' } });
    await ended(service.id, id);
    await eventually(async () => !(await server.running.context.executor.list()).includes(id));
    expect((await deployOf(service.id, id)).status).toBe('canceled');
    expect((await deployOf(service.id, deployId)).status).toBe('live');
    expect((await eventTypes(service.id)).slice(-2)).toEqual(['build_ended', 'deploy_ended']);
  });

  test('a build that ignores SIGTERM ends it all the same', async () => {
    const { service, deployId } = await createService(
      "trap '' TERM; echo it runs; while :; do sleep 0.2; done",
    );
    await running(service.id);
    await server.call('POST', `/services/${service.id}/deploys/${deployId}/cancel`);
    expect((await ended(service.id, deployId)).status).toBe('canceled');
    await eventually(async () => !(await server.running.context.executor.list()).includes(deployId));
  });

  test('a deploy that waits behind another keeps it from being built', async () => {
    const { service, deployId } = await createService('echo it runs; sleep 600');
    await running(service.id);
    const waiting = await redeploy(service.id);
    expect(waiting).toMatchObject({
      status: 'queued',
      queuePlace: 1,
      statusReason: `waits for the end of deploy ${deployId}: a service has one build at a time`,
    });
    await server.call('POST', `/services/${service.id}/deploys/${waiting.id}/cancel`);
    expect(await deployOf(service.id, waiting.id)).toMatchObject({ status: 'canceled' });
    expect((await deployOf(service.id, waiting.id)).startedAt).toBeUndefined();
    await server.call('POST', `/services/${service.id}/deploys/${deployId}/cancel`);
    await ended(service.id, deployId);
  });

  test('deleting the service ends its build', async () => {
    const { service, deployId } = await createService('echo it runs; sleep 600');
    await running(service.id);
    expect((await server.call('DELETE', `/services/${service.id}`)).status).toBe(204);
    expect((await ended(service.id, deployId)).status).toBe('canceled');
    await eventually(async () => !(await server.running.context.executor.list()).includes(deployId));
  });
});

describe('a server that stops during a build', () => {
  test('finds the build again and brings it to its end', async () => {
    const go = join(server.config.dataDir, 'go');
    const { service, deployId } = await createService(
      `echo it runs; until [ -e ${go} ]; do sleep 0.1; done; echo ended`,
    );
    await eventually(async () => (await buildLog(service.id)).includes('it runs'));
    await server.restart();
    expect((await deployOf(service.id, deployId)).status).toBe('build_in_progress');
    mkdirSync(go);
    expect((await ended(service.id, deployId)).status).toBe('live');
    const lines = await buildLog(service.id);
    expect(lines.filter((line) => line === 'it runs')).toHaveLength(1);
    expect(lines).toContain('ended');
  });
});

describe('a build that a dead server left before its command started', () => {
  test('is begun anew and goes live', async () => {
    const { service, deployId } = await createService('echo built > built.txt');
    await ended(service.id, deployId);
    const { database, nudge } = server.running.context;
    const left = newId('dep');
    await database.write(async (trx) => {
      const row = await trx
        .selectFrom('deploys')
        .selectAll()
        .where('id', '=', deployId)
        .executeTakeFirstOrThrow();
      await trx
        .insertInto('deploys')
        .values({ ...row, id: left, status: 'build_in_progress', artifact_id: null, finished_at: null })
        .execute();
    });
    nudge.build();
    expect((await ended(service.id, left)).status).toBe('live');
    expect((await deployOf(service.id, deployId)).status).toBe('deactivated');
    expect((await server.run(service.id, 'cat built.txt')).output).toEqual(['built']);
  });
});

describe('old artifacts', () => {
  test('go, but for the newest five, the live one and those that a job needs', async () => {
    const { service, deployId } = await createService('');
    await ended(service.id, deployId);
    const job = await server.createJob(service.id, 'sleep 600');
    const deployIds = [deployId];
    for (let n = 0; n < 6; n += 1) {
      const { id } = await redeploy(service.id);
      await ended(service.id, id);
      deployIds.push(id);
    }
    const removed = async (id: string) => (await artifactOf(id))!.removed_at !== null;
    // Seven there were: the oldest is a running job's, the second oldest is nobody's.
    await eventually(() => removed(deployIds[1]!));
    expect(await removed(deployIds[0]!)).toBe(false);
    expect(await Promise.all(deployIds.slice(2).map(removed))).toEqual(Array(5).fill(false));
    const folder = artifactFolder(server.config, (await artifactOf(deployIds[1]!))!.id);
    await eventually(() => !existsSync(folder));

    await server.call('POST', `/services/${service.id}/jobs/${job.id}/cancel`);
    await server.finished(job.id);
    const freed = (await artifactOf(deployIds[0]!))!.id;
    expect(await removeOldArtifacts(server.running.context, service.id)).toEqual([freed]);
  });

  test('of a deleted service all go once no job needs them', async () => {
    const { service, deployId } = await createService('');
    await ended(service.id, deployId);
    const job = await server.createJob(service.id, 'echo it runs; sleep 600');
    await eventually(async () => (await server.output(job.id)).includes('it runs'));
    await server.call('DELETE', `/services/${service.id}`);
    expect(await removeOldArtifacts(server.running.context, service.id)).toEqual([]);
    const canceled = await server.call('POST', `/services/${service.id}/jobs/${job.id}/cancel`);
    expect(canceled.status).toBe(200);
    await server.finished(job.id);
    await sweepBuildFolders(server.running.context);
    expect((await artifactOf(deployId))!.removed_at).not.toBeNull();
  });

  test('folders that no record wants go when they are old, and not before', async () => {
    const young = artifactFolder(server.config, 'art-00000000000000000001');
    const old = artifactFolder(server.config, 'art-00000000000000000002');
    mkdirSync(young);
    mkdirSync(old);
    const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
    utimesSync(old, longAgo, longAgo);
    await sweepBuildFolders(server.running.context);
    expect(readdirSync(join(server.config.dataDir, 'artifacts'))).toContain('art-00000000000000000001');
    expect(existsSync(old)).toBe(false);
  });
});
