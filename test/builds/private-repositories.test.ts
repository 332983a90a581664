/** Private repositories on real servers of this machine, built in sandboxes. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Deploy, Service } from '../../src/api/contract-types.ts';
import { unlessAbsent } from '../../src/shared/absence.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { HttpsGitServer } from '../support/https-git-server.ts';
import { TestServer } from '../support/server.ts';
import { SshGitServer } from '../support/ssh-git-server.ts';

const TOKEN = 'token-marker-5f1c9a';
const LARGE = 'what is large\n'.repeat(50_000);

let https: HttpsGitServer;
let ssh: SshGitServer;
let server: TestServer;
let app: GitRepository;
let library: GitRepository;
let count = 0;

beforeAll(async () => {
  https = await HttpsGitServer.start();
  ssh = await SshGitServer.start();
  // Instances have no network: fetching has all the same.
  server = await TestServer.start({
    allowLocalRepos: false,
    allowPrivateDestinations: true,
    gitCa: https.caFile,
    network: 'none',
  });
});
// Two builds each, of up to six repositories, on a host that may be under load.
vi.setConfig({ testTimeout: 90_000 });
afterAll(async () => {
  await server.close();
  await https.close();
  await ssh.close();
});
beforeEach(() => {
  app = new GitRepository({ 'app.txt': 'private\n' });
  library = new GitRepository({ 'lib.txt': 'a library\n' });
  https.repositories.set('app', app.path);
  https.repositories.set('library', library.path);
  https.credential = `deploy:${TOKEN}`;
  https.requests.length = 0;
  https.redirects.clear();
});
afterEach(() => {
  app.remove();
  library.remove();
});

async function create(repo: string, buildCommand = 'true'): Promise<Service> {
  count += 1;
  const { body, status } = await server.call<{ service: Service }>('POST', '/services', {
    type: 'web_service',
    name: `private-${count}`,
    ownerId: await server.workspaceId(),
    repo,
    branch: 'main',
    serviceDetails: {
      runtime: 'node',
      plan: 'starter',
      envSpecificDetails: { buildCommand, startCommand: 'true' },
    },
  });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.service;
}

/** Deploys once what is queued is over. @returns the finished deploy and the lines of its own build */
async function deploy(service: Service): Promise<{ deploy: Deploy; lines: string[] }> {
  const path = `/services/${service.id}/deploys`;
  const allEnded = async (): Promise<boolean> =>
    (await server.call<{ deploy: Deploy }[]>('GET', path)).body.every((one) => one.deploy.finishedAt);
  await eventually(allEnded, { withinMs: 60_000 });
  const before = (await server.output(service.id)).length;
  const { body } = await server.call<Deploy>('POST', path, {});
  await eventually(allEnded, { withinMs: 60_000 });
  const end = (await server.call<Deploy>('GET', `${path}/${body.id}`)).body;
  return { deploy: end, lines: (await server.output(service.id)).slice(before) };
}

/** Of all processes, as everybody on the machine sees them. */
function allCommandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => unlessAbsent(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? []);
}

/** The users of processes with these among their arguments. */
function usersOf(...words: string[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(
      (pid) =>
        unlessAbsent(() => {
          const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
          return words.every((word) => line.includes(word)) ? [statSync(`/proc/${pid}`).uid] : [];
        }) ?? [],
    );
}

const setCredential = (service: Service, body: Record<string, string>) =>
  server.call('PUT', `/services/${service.id}/repository-credential`, body);

describe('a private repository over https', () => {
  test('is built with the token of its service, which nobody sees', async () => {
    const service = await create(https.url('app'), 'cat app.txt; env; cat .git/config');
    expect((await deploy(service)).deploy.status).toBe('build_failed');
    expect(await setCredential(service, { token: TOKEN, username: 'deploy' })).toMatchObject({
      status: 200,
      body: { type: 'token', username: 'deploy' },
    });
    const commandLines: string[] = [];
    const users: number[] = [];
    https.onRequest = () => {
      commandLines.push(...allCommandLines());
      users.push(...usersOf('git-remote-https', service.repo!));
    };
    const { deploy: end, lines } = await deploy(service);
    https.onRequest = () => undefined;
    expect(end.status, lines.join('\n')).toBe('live');
    expect(lines).toContain('private');
    // git is the user of instances, and root nowhere.
    expect(new Set(users)).toEqual(new Set([64_000]));
    const shown = [
      commandLines.join('\n'),
      JSON.stringify((await server.call('GET', `/services/${service.id}`)).body),
      JSON.stringify((await server.call('GET', `/services/${service.id}/repository-credential`)).body),
      (await server.output(service.id)).join('\n'),
      server.logLines.join('\n'),
    ].join('\n');
    expect(shown).not.toContain(TOKEN);
    expect(shown).not.toContain(Buffer.from(`deploy:${TOKEN}`).toString('base64'));
  });

  test('says what is wrong when the token is, and not what it is', async () => {
    const service = await create(https.url('app'));
    await setCredential(service, { token: 'wrong-marker-77', username: 'deploy' });
    const { deploy: end, lines } = await deploy(service);
    expect(end.status).toBe('build_failed');
    expect(lines.join('\n')).toMatch(/Authentication failed/);
    expect(lines.join('\n')).not.toContain('wrong-marker-77');
  });

  test('brings its submodules, its LFS files and the tag of its commit', async () => {
    https.credential = `deploy:${TOKEN}`;
    const env = ['-c', 'protocol.file.allow=always'];
    library.git(...env, 'submodule', 'add', '-q', app.path, 'inner');
    library.git('config', '-f', '.gitmodules', 'submodule.inner.url', '../app.git');
    library.commit({}, 'with a submodule of its own');
    const inner = app.git('rev-parse', 'HEAD');
    app.git(...env, 'submodule', 'add', '-q', library.path, 'vendor/library');
    app.git('config', '-f', '.gitmodules', 'submodule.vendor/library.url', '../library.git');
    app.git('lfs', 'install', '--local');
    app.git('lfs', 'track', '*.bin');
    app.commit({ 'large.bin': LARGE, 'more/same.bin': LARGE, 'small.bin': 'small' }, 'with large files');
    app.git('tag', '-a', 'v1.2.3', '-m', 'a release');
    const command =
      'git describe --tags; wc -c <large.bin; cat more/same.bin | wc -c; cat small.bin; echo; ' +
      'cat vendor/library/lib.txt vendor/library/inner/app.txt; git status --porcelain';
    const service = await create(https.url('app.git'), command);
    await setCredential(service, { token: TOKEN, username: 'deploy' });
    const { deploy: end, lines } = await deploy(service);
    expect(end.status, lines.join('\n')).toBe('live');
    const from = lines.findIndex((line) => line.startsWith('==> Running build command'));
    expect(lines.slice(from + 1, -2)).toEqual([
      'v1.2.3',
      String(LARGE.length),
      String(LARGE.length),
      'small',
      'a library',
      'private',
    ]);
    expect(lines).toContain(`==> Fetched 2 LFS files (${LARGE.length + 5} bytes)`);
    expect(lines).toContain(`==> Fetched submodule inner at ${inner}`);
    expect(lines).toContain(`==> Fetched submodule vendor/library at ${library.git('rev-parse', 'HEAD')}`);
  });

  test('follows a redirect of its host, and sends the token to no other', async () => {
    https.redirects.set('old', https.url('app'));
    const service = await create(https.url('old'), 'cat app.txt');
    await setCredential(service, { token: TOKEN, username: 'deploy' });
    const { lines } = await deploy(service);
    expect(lines).toContain('private');
    https.requests.length = 0;
    // The same machine under another name is another host.
    https.redirects.set('old', https.url('app', '127.0.0.1'));
    const other = await deploy(service);
    expect(other.deploy.status).toBe('build_failed');
    expect(https.requests.filter(({ path }) => path.startsWith('/app'))).not.toEqual([]);
    const sent = https.requests.filter(({ path }) => path.startsWith('/app')).map((one) => one.authorization);
    expect(sent.filter(Boolean)).toEqual([]);
  });

  test('names each submodule and LFS file that was not fetched, with the reason, and builds the rest', async () => {
    const foreign = new GitRepository({ 'f.txt': 'foreign' });
    https.repositories.set('foreign', foreign.path);
    const env = ['-c', 'protocol.file.allow=always'];
    const add = (name: string, url: string): void => {
      app.git(...env, 'submodule', 'add', '-q', '--name', name, foreign.path, name);
      app.git('config', '-f', '.gitmodules', `submodule.${name}.url`, url);
    };
    add('elsewhere', https.url('foreign', '127.0.0.1'));
    add('by-ssh', 'git@git.example.com:team/lib.git');
    add('by-path', foreign.path);
    add('by-http', 'http://localhost/lib.git');
    add('unwanted', '../foreign.git');
    app.git('config', '-f', '.gitmodules', 'submodule.unwanted.update', 'none');
    app.git('lfs', 'install', '--local');
    app.git('lfs', 'track', '*.bin');
    app.commit({ 'gone.bin': 'lost' }, 'with what is not there');
    execFileSync('rm', ['-rf', join(app.path, '.git/lfs/objects')]);
    const service = await create(https.url('app.git'), 'cat app.txt; head -c 7 gone.bin; echo; ls elsewhere');
    await setCredential(service, { token: TOKEN, username: 'deploy' });
    https.requests.length = 0;
    const { deploy: end, lines } = await deploy(service);
    expect(end.status, lines.join('\n')).toBe('live');
    const not = (what: string): string => lines.find((line) => line.startsWith(`==> ${what}`)) ?? '';
    expect(not('Submodule elsewhere was not fetched:')).toMatch(/could not read Username|Authentication/);
    expect(not('Submodule by-ssh was not fetched:')).toContain('a key for its own host alone');
    expect(not('Submodule by-path was not fetched:')).toContain('is not accepted');
    expect(not('Submodule by-http was not fetched:')).toContain('is not accepted');
    expect(not('Submodule unwanted was not fetched:')).toContain('update = none');
    expect(not('1 LFS file (4 bytes) not fetched')).toMatch(/answered 404/);
    expect(lines, lines.join('\n')).toContain('version');
    // The token was shown to the service's own host alone.
    const foreignRequests = https.requests.filter(({ path }) => path.startsWith('/foreign'));
    expect(foreignRequests.map((one) => one.authorization).filter(Boolean)).toEqual([]);
    foreign.remove();
  });
});

test('a fetch that the end of the server interrupts is made anew by the next one, and leaves nothing', async () => {
  https.credential = undefined;
  https.isSilent = true;
  const service = await create(https.url('app'), 'cat app.txt');
  await eventually(() => https.requests.length > 0, { what: 'the fetch' });
  await server.restart(async () => {
    https.isSilent = false;
  });
  const path = `/services/${service.id}/deploys`;
  const first = await eventually(async () => {
    const { body } = await server.call<{ deploy: Deploy }[]>('GET', path);
    return body[0]!.deploy.finishedAt ? body[0]!.deploy : undefined;
  });
  expect(first.status).toBe('live');
  expect((await server.output(service.id!)).filter((line) => line === 'private')).toHaveLength(1);
  await eventually(async () => (await server.running.context.executor.list()).length === 0);
});

describe('a private repository over ssh', () => {
  test('is built with the key of its service, and remembers the key of its host', async () => {
    const service = await create(ssh.url(app.path), 'cat app.txt; env');
    // Root of this machine may have keys of its own; none of them serves anybody.
    const without = await deploy(service);
    expect(without.lines.join('\n')).toMatch(/Permission denied/);
    await setCredential(service, { sshPrivateKey: ssh.privateKey });
    const path = `/services/${service.id}/repository-credential`;
    expect((await server.call('GET', path)).body).toEqual({ type: 'sshKey', hostKey: 'unknown' });
    const { deploy: end, lines } = await deploy(service);
    expect(end.status, lines.join('\n')).toBe('live');
    expect(lines).toContain('private');
    expect(lines.join('\n')).not.toContain(ssh.privateKey.split('\n')[2]!);
    expect((await server.call('GET', path)).body).toEqual({ type: 'sshKey', hostKey: 'remembered' });

    await ssh.stop();
    ssh.newHostKey();
    await ssh.run();
    const after = await deploy(service);
    expect(after.deploy.status).toBe('build_failed');
    expect(after.lines.join('\n')).toContain('is not the one that is known for this service');
    await setCredential(service, { sshPrivateKey: ssh.privateKey, knownHosts: ssh.knownHosts });
    expect((await server.call('GET', path)).body).toEqual({ type: 'sshKey', hostKey: 'given' });
    expect((await deploy(service)).deploy.status).toBe('live');
  });

  test('brings submodules of its host with the same key', async () => {
    app.git('-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', library.path, 'library');
    app.git('config', '-f', '.gitmodules', 'submodule.library.url', ssh.url(library.path));
    app.commit({}, 'with a submodule');
    const service = await create(ssh.url(app.path), 'cat library/lib.txt');
    await setCredential(service, { sshPrivateKey: ssh.privateKey });
    const { lines } = await deploy(service);
    expect(lines, lines.join('\n')).toContain('a library');
  });

  test('refuses a key that only a passphrase opens, and a token', async () => {
    const service = await create(ssh.url(app.path));
    const locked = join(ssh.folder, 'locked');
    writeFileSync(locked, ssh.privateKey, { mode: 0o600 });
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'phrase', '-f', locked]);
    const sshPrivateKey = readFileSync(locked, 'utf8');
    expect(await setCredential(service, { sshPrivateKey })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('without a passphrase') },
    });
    expect(await setCredential(service, { token: 'x' })).toMatchObject({
      status: 400,
      body: { message: 'token is for an https repository, and this service has ssh' },
    });
  });
});
