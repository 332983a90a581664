/** `errand doctor` on hosts that lack something, each made so for real, and on this one. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startErrand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { asNobody, errandWhere, withCgroupsReadOnly, without } from '../support/on-another-host.ts';
import { TestServer } from '../support/server.ts';

interface Found {
  id: string;
  status: string;
  essential: boolean;
  found: string;
  advice?: string;
}

let folder: string;
let dataDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-doctor-'));
  dataDir = join(folder, 'data');
  mkdirSync(dataDir);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What the doctor says of a host that was changed. */
async function examined(change: string, as: string[] = [], more: string[] = []) {
  const said = await errandWhere(
    change,
    ['doctor', '--json', '--data-dir', dataDir, '--port', '0', ...more],
    as,
  );
  expect(said.stderr).toBe('');
  const { ok, checks } = JSON.parse(said.stdout) as { ok: boolean; checks: Found[] };
  expect(said.code).toBe(ok ? 0 : 1);
  return { ok, get: (id: string) => checks.find((check) => check.id === id)!, checks };
}

describe('the doctor names', () => {
  test('a run folder in which nothing may be executed, which is no fault', async () => {
    const { get, ok } = await examined('mount -t tmpfs -o noexec,nosuid,mode=755 tmpfs /run');
    expect(get('run-folder')).toMatchObject({
      status: 'ok',
      found: '/run is mounted noexec; nothing is executed from it',
    });
    expect(get('instance')).toMatchObject({ status: 'ok' });
    expect(ok).toBe(true);
  });

  test('a missing conmon, with the package that has it', async () => {
    const { get, ok } = await examined(without('conmon'));
    expect(get('supervisor')).toEqual({
      id: 'supervisor',
      status: 'failed',
      essential: true,
      found: 'no conmon',
      advice: 'install it: apt-get install conmon (Debian, Ubuntu) or dnf install conmon (Fedora)',
    });
    expect(get('instance')).toMatchObject({
      status: 'advice',
      found: 'not tried, for what failed above',
    });
    expect(ok).toBe(false);
  });

  test('a missing runtime; one of the two is enough', async () => {
    const neither = await examined(without('crun', 'runc'));
    expect(neither.get('runtime')).toMatchObject({ status: 'failed', found: 'no crun and no runc' });
    expect(neither.get('runtime').advice).toContain('dnf install crun');
    const one = await examined(without('runc'));
    expect(one.get('runtime').status).toBe('ok');
    expect(one.get('runtime').found).not.toContain('runc');
  });

  test('a runtime that is there and does not start', async () => {
    const { get, ok } = await examined(`
      printf '#!/bin/sh\\necho no library >&2; exit 127\\n' > ${folder}/broken; chmod +x ${folder}/broken
      mount --bind ${folder}/broken "$(command -v crun)"`);
    expect(get('runtime')).toMatchObject({ status: 'advice' });
    expect(get('runtime').found).toMatch(/crun failed: no library .*; runc version/);
    // The other one makes instances, without user namespaces.
    expect(get('instance').found).toContain('runc');
    expect(ok).toBe(true);
  });

  test('cgroups that are not delegated', async () => {
    const { get, ok } = await examined(withCgroupsReadOnly);
    expect(get('cgroups')).toMatchObject({ status: 'failed', essential: true });
    expect(get('cgroups').found).toMatch(/not delegated: no groups can be made \(.*is mounted read-only/);
    expect(get('cgroups').advice).toContain('Delegate=yes');
    expect(ok).toBe(false);
  });

  test('controllers that a cgroup v2 does not have', async () => {
    // On a host with cgroup v1 the controllers are taken, so that this one has none of them.
    const { get } = await examined(
      'mount -t tmpfs tmpfs /sys/fs/cgroup; : > /sys/fs/cgroup/cgroup.controllers',
    );
    expect(get('cgroups').found).toMatch(/^cgroup v2 without the controllers memory, cpu, pids/);
  });

  test('a user who is not root, and looks at the rest all the same', async () => {
    const { get, ok, checks } = await examined('', asNobody);
    expect(get('user').found).toMatch(/^not root, but user 65534/);
    expect(get('user').advice).toContain('sudo');
    expect(get('data-folder')).toMatchObject({ status: 'failed' });
    expect(get('runtime').status).toBe('ok');
    expect(get('instance').found).toBe('not tried: only root can start one');
    expect(checks.length).toBeGreaterThan(18);
    expect(ok).toBe(false);
  });

  test('a port that is taken, and by which process', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { get, ok } = await examined('', [], ['--port', String(port)]);
    expect(get('port')).toMatchObject({ status: 'failed', essential: true });
    expect(get('port').found).toMatch(
      new RegExp(`^port ${port} of 127.0.0.1 is taken by process ${process.pid} \\(`),
    );
    expect(ok).toBe(false);
    await new Promise((resolve) => other.close(resolve));
  });

  test('a disk that is full', async () => {
    const { get, ok } = await examined(
      `mount -t tmpfs -o size=1m tmpfs ${dataDir}; head -c 2000000 /dev/zero > ${dataDir}/filled 2>/dev/null || true`,
    );
    expect(get('disk')).toMatchObject({ status: 'failed', essential: true });
    expect(get('disk').found).toMatch(/^disk full: 0 bytes free at .*less than the reserve of 256 MB/);
    expect(ok).toBe(false);
  });

  test('inodes that are gone', async () => {
    const { get, ok } = await examined(
      `mount -t tmpfs -o size=3g,nr_inodes=20 tmpfs ${dataDir}; touch $(seq -f ${dataDir}/%g 30) 2>/dev/null || true`,
    );
    expect(get('inodes')).toMatchObject({ status: 'failed', essential: true });
    expect(get('inodes').found).toMatch(/^inodes gone: 0 of 20 free at /);
    expect(get('disk').status).toBe('ok');
    expect(ok).toBe(false);
  });

  test('a data folder on which instances cannot write, or that is gone after a restart', async () => {
    const overlaid = await examined(
      `mkdir ${folder}/upper ${folder}/work; mount -t overlay -o lowerdir=${dataDir},upperdir=${folder}/upper,workdir=${folder}/work overlay ${dataDir}`,
    );
    expect(overlaid.get('data-folder').found).toMatch(/on overlay.*instances cannot write on top of it/);
    const inMemory = await examined(`mount -t tmpfs -o noexec tmpfs ${dataDir}`);
    expect(inMemory.get('data-folder')).toMatchObject({ status: 'advice' });
    const readOnly = await examined(
      `mount --bind ${dataDir} ${dataDir}; mount -o remount,bind,ro ${dataDir}`,
    );
    expect(readOnly.get('data-folder').found).toContain(`${dataDir} is mounted read-only`);
  });

  test('what covers parts of /proc, which costs instances their user namespace', async () => {
    const { get, ok } = await examined(
      'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys',
    );
    expect(get('instance')).toMatchObject({ status: 'advice' });
    expect(get('instance').found).toContain('has no user namespace');
    expect(get('instance').advice).toContain('/proc/sys');
    expect(ok).toBe(true);
  });

  test('a git that is not there, which lets instances be tried', async () => {
    const { get, ok } = await examined(without('git'));
    expect(get('git')).toMatchObject({ status: 'failed', found: 'no git' });
    expect(get('instance').status).toBe('ok');
    expect(ok).toBe(false);
  });
});

describe('on this host', () => {
  test('an instance is started and sees its limit, whatever the umask, and nothing of it stays', async () => {
    const { get, ok } = await examined('umask 0077');
    expect(get('instance')).toMatchObject({ status: 'ok', essential: true });
    expect(get('instance').found).toMatch(/started and ended in \d+ ms.*sees its limit of 64 MB/);
    expect(ok).toBe(true);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('the data folder need not exist, and is not made', async () => {
    rmSync(dataDir, { recursive: true });
    expect((await examined('')).get('instance').status).toBe('ok');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('the server of the same data folder may run, and is told from strangers at its port', async () => {
    const server = await TestServer.start({ dataDir });
    try {
      const serviceId = await server.seedService({});
      const job = await server.createJob(serviceId, 'cat');
      const { port } = new URL(server.url);
      const { get } = await examined('', [], ['--port', port]);
      expect(get('port')).toMatchObject({ status: 'ok' });
      expect(get('port').found).toContain(`Errand's server of this data folder (process ${process.pid})`);
      expect(get('instance').status).toBe('ok');
      expect((await server.finished(job.id)).status).toBe('succeeded');
    } finally {
      await server.close();
    }
  });

  test('people get a line for each, without colours where no terminal is, and what to do below it', async () => {
    const { stdout, code } = await startErrand(['doctor', '--data-dir', dataDir, '--executor', 'process'])
      .ended;
    expect(stdout).toMatch(/^advice {2}executor {11}process: no isolation/);
    expect(stdout).toMatch(/^ {27}→ for anything but development/m);
    expect(stdout).toMatch(/^ok {6}git {16}git version /m);
    expect(stdout).not.toContain('\u001b');
    // There are no instances to be tried.
    expect(stdout).not.toMatch(/^\S+ +instance/m);
    expect([0, 1]).toContain(code);
  });

  test('wrong settings are wrong arguments', async () => {
    const { code, stderr } = await startErrand(['doctor', '--port', 'x']).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('--port must be a whole number');
  });
});

describe('a server does not start, and says why and what to do,', () => {
  const serve = (change: string, as: string[] = []) =>
    errandWhere(change, ['serve', '--data-dir', join(folder, 'new'), '--port', '0'], as);

  test('without its programs', async () => {
    const { code, stderr } = await serve(without('conmon', 'crun', 'runc'));
    expect(code).toBe(2);
    expect(stderr).toContain('runtime: no crun and no runc\n    install it: apt-get install crun');
    expect(stderr).toContain('supervisor: no conmon\n    install it: apt-get install conmon');
    expect(stderr).toContain('`errand doctor` looks at everything');
    // Nothing was begun.
    expect(readdirSync(folder)).toEqual(['data']);
  });

  test('where it may make no cgroups, and asks for no packages then', async () => {
    const { code, stderr } = await serve(withCgroupsReadOnly);
    expect(code).toBe(2);
    expect(stderr).toContain('not delegated: no groups can be made');
    expect(stderr).not.toContain('apt-get');
  });

  test('as another user than root, and asks for no packages then', async () => {
    const { code, stderr } = await serve('', asNobody);
    expect(code).toBe(2);
    expect(stderr).toContain('not root, but user 65534');
    expect(stderr).not.toContain('apt-get');
  });
});

test('a server starts on a disk below its reserve, for the jobs that run, and says so', async () => {
  const onSmallDisk = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec'];
  const change = 'mount -t tmpfs -o size=40m tmpfs "$0"; exec "$@"';
  const server = startErrand(['serve', '--data-dir', dataDir, '--port', '0'], {}, [
    ...onSmallDisk,
    change,
    dataDir,
  ]);
  await eventually(
    () => server.output.stdout.includes('Errand listens on') || server.process.exitCode !== null,
  );
  server.process.kill('SIGTERM');
  expect(await server.ended).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/ warn free disk: disk full: .* less than the reserve of 256 MB/),
  });
});
