import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Deploy, Service } from '../../src/api/contract-types.ts';
import { artifactTree, buildFolder, cacheFolder } from '../../src/builds/artifact-path.ts';
import { artifactIdOf } from '../../src/builds/freeze-artifact.ts';
import { buildService } from '../support/build-service.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let repository: GitRepository;

beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(async () => server.close());
beforeEach(() => {
  repository = new GitRepository({ 'app.txt': 'from git\n', 'bin/tool': '#!/bin/sh\necho tool\n' });
});
afterEach(() => repository.remove());

/** Builds a service. @returns the finished deploy with the folder of its files */
async function build(
  buildCommand: string,
  more: Record<string, unknown> = {},
): Promise<{ service: Service; deploy: Deploy; tree: string; output: string[] }> {
  const { service, deploy } = await buildService(server, repository, buildCommand, more);
  const tree = artifactTree(server.config, { id: artifactIdOf(deploy.id) });
  return { service, deploy, tree, output: await server.output(service.id) };
}

describe('a build in an instance', () => {
  test('writes its project and its cache as a user without privileges, at the usual place', async () => {
    const { deploy, service, tree } = await build(
      'id -u > uid.txt; pwd > pwd.txt; echo cached > ~/.cache/kept; printenv NODE_ENV > node-env.txt; true',
    );
    expect(deploy.status).toBe('live');
    const read = (name: string): string => readFileSync(join(tree, name), 'utf8').trim();
    expect(read('uid.txt')).not.toBe('0');
    expect(read('pwd.txt')).toBe('/opt/render/project/src');
    expect(read('node-env.txt')).toBe('');
    expect(String(statSync(join(tree, 'app.txt')).uid)).toBe(read('uid.txt'));
    expect(readFileSync(join(cacheFolder(server.config, service.id), 'kept'), 'utf8')).toBe('cached\n');
  });

  test('reads secret files, and leaves neither them nor their places in the artifact', async () => {
    const { deploy, tree, output } = await build('cat .env /etc/secrets/.env', {
      secretFiles: [{ name: '.env', content: 'shown\n' }],
    });
    expect(deploy.status).toBe('live');
    expect(output.filter((line) => line === 'shown')).toHaveLength(2);
    expect(existsSync(join(tree, '.env'))).toBe(false);
  });

  test('shows a secret file at /etc/secrets alone where the project has a folder or a link of its name', async () => {
    symlinkSync('/etc/made-by-a-link', join(repository.path, 'link'));
    repository.commit({ 'conf/app.ini': 'mine' }, 'names that are taken');
    const { service, deploy } = await build('cat conf/app.ini /etc/secrets/conf', {
      secretFiles: [
        { name: 'conf', content: 'secret conf\n' },
        { name: 'link', content: 'secret link\n' },
      ],
    });
    expect(deploy.status).toBe('live');
    const job = await server.run(
      service.id,
      'cat /etc/secrets/conf /etc/secrets/link; readlink link; ls conf',
    );
    expect(job.output).toEqual(['secret conf', 'secret link', '/etc/made-by-a-link', 'app.ini']);
    // Nothing was made at the link's end, which all instances would see.
    expect((await server.run(service.id, 'ls /etc/made-by-a-link')).status).toBe('failed');
  });

  test('does not see the data folder of the server', async () => {
    const { deploy } = await build(`ls ${server.config.dataDir}`);
    expect(deploy.status).toBe('build_failed');
  });

  test('makes what a job finds, with files that are executable', async () => {
    const { service } = await build('chmod +x bin/tool; mkdir -p dist; echo asset > dist/app.js');
    const job = await server.run(service.id, 'cat app.txt dist/app.js; bin/tool; printenv NODE_ENV');
    expect(job).toMatchObject({ status: 'succeeded' });
    expect(job.output).toEqual(['from git', 'asset', 'tool', 'production']);
  });

  test('is not needed for files that a job may write, and remove', async () => {
    const { service, tree } = await build('');
    const job = await server.run(service.id, 'echo more >> app.txt; cat app.txt; rm -r bin; touch new; ls');
    expect(job.output).toEqual(['from git', 'more', 'app.txt', 'new']);
    expect(readFileSync(join(tree, 'app.txt'), 'utf8')).toBe('from git\n');
  });

  test('fails with the cause where no program can be started with its environment', async () => {
    const envVars = Array.from({ length: 8 }, (_, index) => ({
      key: `V${index}`,
      value: 'x'.repeat(120_000),
    }));
    const { service } = await build('true', { envVars });
    await server.call('POST', '/env-groups', {
      name: 'large',
      ownerId: await server.workspaceId(),
      envVars: envVars.map(({ key, value }) => ({ key: `GROUP_${key}`, value })),
      serviceIds: [service.id],
    });
    const { body } = await server.call<Deploy>('POST', `/services/${service.id}/deploys`, {});
    const deploy = await eventually(async () => {
      const found = await server.call<Deploy>('GET', `/services/${service.id}/deploys/${body.id}`);
      return found.body.finishedAt ? found.body : undefined;
    });
    expect(deploy.status).toBe('build_failed');
    expect((await server.output(service.id)).at(-1)).toMatch(
      /^==> Build failed: the environment variables .* have 19202\d\d bytes together; .* up to 1572864: put large values/,
    );
  });

  test('leaves the artifact as it is when a job writes into its project', async () => {
    const { service, tree } = await build('true');
    const job = await server.run(service.id, 'echo changed > app.txt; cat app.txt; touch new.txt');
    expect(job.output).toEqual(['changed']);
    expect(readFileSync(join(tree, 'app.txt'), 'utf8')).toBe('from git\n');
    expect(existsSync(join(tree, 'new.txt'))).toBe(false);
  });

  test('has git, and the history is no longer than the commit', async () => {
    repository.commit({}, 'second');
    const { output } = await build('git log --format=%s');
    expect(output).toContain('second');
    expect(output).not.toContain('first');
  });

  test('may leave files whose names are no text, in the repository and in the build', async () => {
    const name = `$(printf 'caf\\351')`;
    execFileSync('sh', ['-c', `cd "$1" && echo latin > "${name}"`, 'sh', repository.path]);
    repository.commit({}, 'a name in another encoding');
    const { service, deploy } = await build(`cp "${name}" "${name}-copy"`);
    expect(deploy.status).toBe('live');
    const job = await server.run(service.id, `cat caf*; touch "${name}-own"`);
    expect(job.output).toEqual(['latin', 'latin']);
  });

  test('fails with the reason when it left paths that are too long, and leaves nothing of them', async () => {
    const { deploy, output } = await build(
      `for i in $(seq 40); do mkdir ${'d'.repeat(200)} && cd -P d*; done`,
    );
    expect(deploy.status).toBe('build_failed');
    expect(output.at(-1)).toContain('longer than this host accepts');
    await eventually(async () => !existsSync(buildFolder(server.config, deploy.id!)));
  });
});
