/** What may be built from, and what that may cost: in sandboxes, as an operator sets it. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Deploy } from '../../src/api/contract-types.ts';
import { artifactTree } from '../../src/builds/artifact-path.ts';
import { artifactIdOf } from '../../src/builds/freeze-artifact.ts';
import { buildService } from '../support/build-service.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let repository: GitRepository;
let links: string;

beforeAll(async () => {
  server = await TestServer.start({ maxRepoFiles: '1000', maxRepoSize: '20MB' });
});
afterAll(async () => server.close());
beforeEach(() => {
  repository = new GitRepository({ 'app.txt': 'x' });
  links = mkdtempSync(join(tmpdir(), 'errand-links-'));
});
afterEach(() => {
  repository.remove();
  rmSync(links, { recursive: true, force: true });
});

async function output(service: { id?: string }): Promise<string> {
  return (await server.output(service.id!)).join('\n');
}

const refused = async (repo: string): Promise<string> => {
  const { status, body } = await server.call<{ message: string }>('POST', '/services', {
    type: 'background_worker',
    name: `refused-${repo.length}`,
    ownerId: await server.workspaceId(),
    repo,
    serviceDetails: { runtime: 'node', envSpecificDetails: { buildCommand: '', startCommand: 'true' } },
  });
  expect(status).toBe(400);
  return body.message;
};

describe('a repository that unfolds to too much', () => {
  test('fails its build with the limit and its setting, and leaves nothing of itself', async () => {
    // 100,000 files out of some kilobytes.
    repository.addBomb(10, 5);
    const { service, deploy } = await buildService(server, repository, 'true');
    expect(deploy.status).toBe('build_failed');
    expect(await output(service)).toContain(
      'the repository unfolds to more than 1000 files and folders (--max-repo-files)',
    );
  });

  test('fails its build when what is fetched is too large, or what is in it', async () => {
    repository.commit({ zeros: '0'.repeat(30_000_000) }, 'zeros');
    const { service, deploy } = await buildService(server, repository, 'true');
    expect(deploy.status).toBe('build_failed');
    expect(await output(service)).toContain('more than 20971520 bytes (--max-repo-size)');
  });

  test('counts submodules as a part of it', async () => {
    const other = new GitRepository(
      Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`f${at}`, ''])),
    );
    for (const name of ['one', 'two'])
      repository.git('-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', other.path, name);
    repository.commit({}, 'twice the same');
    const { service, deploy } = await buildService(server, repository, 'true');
    expect(deploy.status).toBe('build_failed');
    expect(await output(service)).toContain('more than 1000 files and folders (--max-repo-files)');
    other.remove();
  });
});

describe('a repository that takes too long', () => {
  test('fails its build with the limit and its setting, and nothing of its instance is left', async () => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const slow = await TestServer.start({ allowPrivateDestinations: true });
    slow.config.repositories.maxMs = 3000;
    const { service, deploy } = await buildService(slow, repository, 'true', {
      repo: `https://localhost:${port}/a`,
    });
    expect(deploy.status).toBe('build_failed');
    expect((await slow.output(service.id!)).at(-1)).toBe(
      '==> Build failed: the source code was not fetched within 0.05 minutes (--max-repo-minutes)',
    );
    await eventually(async () => (await slow.running.context.executor.list()).length === 0);
    await slow.close();
    silent.close();
  });
});

describe('a local repository', () => {
  test('is fetched as the user of instances, whoever may read it', async () => {
    const { deploy } = await buildService(server, repository, 'id -u');
    expect(deploy.status).toBe('live');
    expect(statSync(repository.path).mode & 0o077).toBe(0);
    const tree = artifactTree(server.config, { id: artifactIdOf(deploy.id!) });
    expect(statSync(join(tree, '.git', 'objects')).uid).not.toBe(0);
  });

  test('is never one in the data folder, such as the artifact of another workspace', async () => {
    const { deploy } = await buildService(server, repository, 'true');
    const tree = artifactTree(server.config, { id: artifactIdOf(deploy.id!) });
    expect(await refused(tree)).toContain('it is in the data folder of the server');
    expect(await refused(`file://${tree}`)).toContain('it is in the data folder of the server');
    expect(await refused(`${repository.path}/../..${tree}`)).toContain('data folder');
    symlinkSync(tree, join(links, 'link'));
    expect(await refused(join(links, 'link'))).toContain('data folder');
    expect(await refused(server.config.dataDir)).toContain('data folder');
  });

  test('is not one in the data folder either when a link comes to lead there after it was accepted', async () => {
    const { deploy } = await buildService(server, repository, 'true');
    const tree = artifactTree(server.config, { id: artifactIdOf(deploy.id!) });
    const other = new GitRepository({ 'app.txt': 'y' });
    const link = join(links, 'link');
    symlinkSync(other.path, link);
    const { service } = await buildService(server, other, 'true', { repo: link });
    const path = `/services/${service.id}/deploys`;
    const again = async (): Promise<string> => {
      const { body } = await server.call<Deploy>('POST', path, {});
      await server.running.context.nudge.build();
      for (;;) {
        const { body: now } = await server.call<Deploy>('GET', `${path}/${body.id}`);
        if (now.finishedAt) return now.status!;
      }
    };
    rmSync(link);
    symlinkSync(tree, link);
    expect(await again()).toBe('build_failed');
    rmSync(link);
    // The folder is a fair one; what makes it a repository is not.
    mkdirSync(link);
    symlinkSync(join(tree, '.git'), join(link, '.git'));
    expect(await again()).toBe('build_failed');
    rmSync(join(link, '.git'));
    writeFileSync(join(link, '.git'), `gitdir: ${tree}/.git\n`);
    expect(await again()).toBe('build_failed');
    expect((await output(service)).match(/it is in the data folder/g)?.length).toBeGreaterThanOrEqual(2);
    other.remove();
  });

  test('is only one below the folders that the operator names', async () => {
    const allowed = new GitRepository({ 'app.txt': 'allowed' });
    const few = await TestServer.start({ executor: 'process', allowLocalRepos: [allowed.path] });
    const { deploy } = await buildService(few, allowed, 'true');
    expect(deploy.status).toBe('live');
    const { status, body } = await few.call<{ message: string }>('POST', '/services', {
      type: 'background_worker',
      name: 'elsewhere',
      ownerId: await few.workspaceId(),
      repo: repository.path,
      serviceDetails: { runtime: 'node', envSpecificDetails: { buildCommand: '', startCommand: 'true' } },
    });
    expect({ status, message: body.message }).toEqual({
      status: 400,
      message: `repo "${repository.path}" is not accepted: it is not below ${allowed.path} (--allow-local-repos)`,
    });
    await few.close();
    allowed.remove();
  });
});
