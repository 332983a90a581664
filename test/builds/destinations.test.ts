/** Addresses that are not connected to, and what is said of them. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Deploy } from '../../src/api/contract-types.ts';
import { FetchError } from '../../src/builds/fetch/failure.ts';
import { fetchObjects } from '../../src/builds/fetch/lfs.ts';
import { CheckingProxy } from '../../src/builds/fetch/proxy.ts';
import { ProcessExecutor } from '../../src/executors/process/executor.ts';
import { nameRefusedAddresses } from '../../src/services/refused-addresses.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { fetchForTest } from '../support/fetch-for-test.ts';
import { GitRepository } from '../support/git-repository.ts';
import { HttpsGitServer } from '../support/https-git-server.ts';

let api: TestApi;
let listener: Server;
let touched = 0;
let open: number;

beforeAll(async () => {
  api = await startApi();
  listener = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  // As a name of this machine may be IPv6, too.
  listener.listen(0, '::');
  await once(listener, 'listening');
  open = (listener.address() as { port: number }).port;
});
afterAll(async () => {
  listener.close();
  await api.close();
});

let count = 0;
const body = (repo: string) => {
  count += 1;
  return {
    type: 'background_worker' as const,
    name: `at-${count}`,
    ownerId: api.workspaceId,
    repo,
    branch: 'main',
    serviceDetails: { runtime: 'node', envSpecificDetails: { buildCommand: '', startCommand: 'true' } },
  };
};

describe('the address of a repository', () => {
  test.each([
    'https://127.0.0.1:PORT/a/b',
    'https://127.1:PORT/a/b',
    'https://2130706433:PORT/a/b',
    'https://0x7f.0.0.1:PORT/a/b',
    'https://localhost:PORT/a/b',
    'https://x.localhost:PORT/a/b',
    'https://[::1]:PORT/a/b',
    'https://[::ffff:127.0.0.1]:PORT/a/b',
    'https://[64:ff9b::7f00:1]:PORT/a/b',
    'https://0.0.0.0:PORT/a/b',
    'https://169.254.169.254/latest/meta-data',
    'https://[fe80::1]:PORT/a/b',
    'ssh://git@127.0.0.1:PORT/a/b',
    'ssh://git@0177.0.0.1:PORT/a/b',
    'git@127.1:a/b',
    'git@[::1]:a/b',
    'git@localhost:a/b',
  ])('%s is refused when it is given', async (text) => {
    const repo = text.replace('PORT', String(open));
    const { status, message } = await api.admin.refused('create-service', { body: body(repo) as never });
    expect(status).toBe(400);
    expect(message).toContain('--allow-private-destinations');
    expect(touched).toBe(0);
  });

  test('is refused by --no-private-repos where it is private, and else accepted', async () => {
    const strict = await startApi({ privateRepos: false });
    const repo = 'https://10.1.2.3:1/a/b';
    const refusal = await strict.admin.refused('create-service', {
      body: { ...body(repo), ownerId: strict.workspaceId } as never,
    });
    expect(refusal.status).toBe(400);
    await api.admin.ok('create-service', { body: body(repo) as never });
    await strict.close();
  });

  test('is checked again when a build connects, and the answer is the same for open and closed ports', async () => {
    const closed = createServer();
    closed.listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const unused = (closed.address() as { port: number }).port;
    closed.close();
    const said = [];
    for (const port of [open, unused]) {
      // As rows of an older server may have it.
      const id = await api.seed({ repo: `https://localhost:${port}/a/b`, branch: 'main' });
      const deploy = await api.admin.ok('create-deploy', { params: { serviceId: id }, body: {} });
      const params = { serviceId: id, deployId: deploy!.id! };
      await eventually(
        async () => ((await api.admin.ok('retrieve-deploy', { params })) as Deploy).finishedAt !== undefined,
      );
      said.push((await api.server.output(id)).join('\n').replaceAll(String(port), 'PORT'));
    }
    expect(said[0]).toBe(said[1]);
    expect(said[0]).toContain('does not connect to localhost');
    expect(touched).toBe(0);
  });

  test('of what exists is named when the server starts', async () => {
    const { context } = api.server.running;
    const id = await api.seed({ repo: 'https://localhost:1/a/b' });
    await nameRefusedAddresses(context, new AbortController().signal);
    const named = api.server.logLines.filter((line) => line.includes('is refused now'));
    expect(named.some((line) => line.includes(id) && line.includes('localhost'))).toBe(true);
  });
});

describe('the proxy that git goes through', () => {
  test('connects to nothing that the rule refuses, and says the same of what is not there', async () => {
    const proxy = await CheckingProxy.open({ private: true, local: false });
    const answers = [];
    for (const target of [
      `127.0.0.1:${open}`,
      `localhost:${open}`,
      '[::1]:1',
      '127.1:80',
      'no-host.invalid:1',
      'x',
    ])
      answers.push(await connectThrough(proxy.url, target));
    expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 502 Bad Gateway']));
    expect(touched).toBe(0);
    await proxy.close();
  });

  test('serves nobody without its word', async () => {
    const proxy = await CheckingProxy.open({ private: true, local: true });
    const url = proxy.url.replace(/errand:\w+/, 'errand:guessed');
    expect(await connectThrough(url, `127.0.0.1:${open}`)).toBe('HTTP/1.1 403 Forbidden');
    expect(touched).toBe(0);
    await proxy.close();
  });
});

describe('what an allowed repository leads to', () => {
  let folder: string;
  let https: HttpsGitServer;
  let repository: GitRepository;
  let executor: ProcessExecutor;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'errand-destinations-'));
    executor = new ProcessExecutor({ dataDir: join(folder, 'data') });
    https = await HttpsGitServer.start();
    repository = new GitRepository({ 'a.txt': 'a' });
    https.repositories.set('app', repository.path);
  });
  afterAll(async () => {
    await executor.close();
    await https.close();
    repository.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is checked where a redirect leads, also when its host was let through', async () => {
    https.redirects.set('trap', `https://127.0.0.1:${open}/a`);
    const rule = { private: true, local: true };
    const proxy = await CheckingProxy.open(rule);
    https.onRequest = () => {
      rule.local = false;
    };
    const flags = { allowPrivateDestinations: true, gitCa: https.caFile };
    const fetching = fetchForTest(
      { url: https.url('trap'), branch: 'main' },
      { executor, folder, proxy, flags },
    );
    await expect(fetching).rejects.toThrow(
      new FetchError('localhost cannot be reached, or is at an address that this server does not connect to'),
    );
    expect(https.requests.map(({ path }) => path)).toContain('/trap/info/refs');
    expect(touched).toBe(0);
    https.onRequest = () => undefined;
    await proxy.close();
  });

  test('is checked for each submodule', async () => {
    const addresses = [
      'https://127.0.0.1:PORT/a',
      'https://localhost:PORT/a',
      'ssh://git@127.1:PORT/a',
      'git@[::1]:a',
    ];
    for (const [at, address] of addresses.entries()) {
      const name = `module${at}`;
      repository.git('-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', repository.path, name);
      const url = address.replace('PORT', String(open));
      repository.git('config', '-f', '.gitmodules', `submodule.${name}.url`, url);
    }
    repository.commit({}, 'with traps');
    const proxy = await CheckingProxy.open({ private: true, local: false });
    const steps: string[] = [];
    await fetchForTest({ url: repository.path }, { executor, folder, proxy, steps });
    expect(steps).toHaveLength(4);
    for (const step of steps)
      expect(step).toMatch(/^Submodule module\d was not fetched: .*--allow-private-destinations/);
    expect(touched).toBe(0);
    await proxy.close();
  });

  test('is checked for the LFS server, and for where that says that objects are', async () => {
    const object = { oid: 'a'.repeat(64), size: 4 };
    const rule = { private: true, local: false };
    const options = { rule, ca: readFileSync(https.caFile, 'utf8'), stop: new AbortController().signal };
    const refusals = await fetchObjects(
      [object],
      { href: `https://localhost:${open}/lfs`, headers: {} },
      folder,
      options,
    );
    expect(refusals).toEqual([
      'localhost cannot be reached, or is at an address that this server does not connect to',
    ]);
    const batch = { href: https.url('app/info/lfs'), headers: {} };
    rule.local = true;
    https.lfsHref = `https://127.0.0.1:${open}/object`;
    https.onRequest = () => {
      rule.local = false;
    };
    const later = await fetchObjects([object], batch, folder, options);
    expect(later).toEqual([
      '127.0.0.1 cannot be reached, or is at an address that this server does not connect to',
    ]);
    https.lfsHref = `http://127.0.0.1:${open}/object`;
    rule.local = true;
    expect(await fetchObjects([object], batch, folder, options)).toEqual([
      'the LFS server is not at an https address',
    ]);
    expect(touched).toBe(0);
  });
});

/** @returns the first line of the answer to a CONNECT */
async function connectThrough(proxyUrl: string, target: string): Promise<string> {
  const { hostname, port, username, password } = new URL(proxyUrl);
  const socket = connect(Number(port), hostname);
  const word = Buffer.from(`${username}:${password}`).toString('base64');
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: Basic ${word}\r\n\r\n`);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString().split('\r\n')[0]!;
}
