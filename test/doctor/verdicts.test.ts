/** What the doctor concludes from facts that this host does not have. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cgroupFacts, judgeCgroups, judgeScope } from '../../src/doctor/cgroup.ts';
import { find, isFit, ok } from '../../src/doctor/check.ts';
import { judgeClock, judgeDescriptors, judgePlatform } from '../../src/doctor/host.ts';
import { judgeNames } from '../../src/doctor/network.ts';
import { judgeGit } from '../../src/doctor/programs.ts';
import { judgeDisk, judgeInodes, judgeMount } from '../../src/doctor/storage.ts';
import type { Mount } from '../../src/shared/mount-table.ts';

describe('cgroups', () => {
  let mount: string;
  beforeEach(() => {
    mount = mkdtempSync(join(tmpdir(), 'errand-cgroups-'));
  });
  afterEach(() => rmSync(mount, { recursive: true, force: true }));
  const unified = (controllers: string, handedDown: string): void => {
    writeFileSync(join(mount, 'cgroup.controllers'), controllers);
    writeFileSync(join(mount, 'cgroup.subtree_control'), handedDown);
  };
  const legacy = (...names: string[]): void => {
    for (const name of names) {
      mkdirSync(join(mount, name), { recursive: true });
      writeFileSync(join(mount, name, 'cgroup.procs'), '');
    }
  };

  test('of version 2 with all controllers will do', () => {
    unified('cpuset cpu io memory pids\n', 'cpu memory pids\n');
    expect(judgeCgroups(cgroupFacts(mount), true)).toEqual(
      ok('cgroup v2 with memory, cpu, pids; groups can be made'),
    );
  });

  test('of version 2 that lack a controller are named with it', () => {
    unified('cpuset cpu io pids\n', '');
    const verdict = judgeCgroups(cgroupFacts(mount), true);
    expect(verdict.found).toBe('cgroup v2 without the controllers memory: they are not delegated to here');
    expect(verdict.status).toBe('failed');
  });

  test('of version 1 and in the hybrid layout will do, and lack what is not mounted', () => {
    legacy('memory', 'cpu', 'pids');
    expect(judgeCgroups(cgroupFacts(mount), true).found).toMatch(/^cgroup v1 with/);
    legacy('unified');
    expect(judgeCgroups(cgroupFacts(mount), true).found).toMatch(/^hybrid cgroups with/);
    rmSync(join(mount, 'pids'), { recursive: true });
    expect(cgroupFacts(mount)).toMatchObject({ layout: 'hybrid cgroups', missing: ['pids'] });
  });

  test('that are not mounted at all are not taken for version 1', () => {
    expect(judgeCgroups(cgroupFacts(mount), true).found).toMatch(/^no cgroups are mounted/);
  });

  test('that another user may not write are no fault of the host', () => {
    const facts = { layout: 'cgroup v2', missing: [], refused: ['x: permission denied'] } as const;
    expect(judgeCgroups({ ...facts, missing: [], refused: [...facts.refused] }, false).status).toBe('advice');
    expect(judgeCgroups({ ...facts, missing: [], refused: [...facts.refused] }, true).status).toBe('failed');
  });

  test('of a scope must have the controllers', () => {
    expect(judgeScope('cpuset cpu io memory pids\n').status).toBe('ok');
    expect(judgeScope('cpu pids\n')).toMatchObject({
      status: 'failed',
      found: 'not delegated: a scope of systemd has no memory',
    });
  });
});

describe('the data folder', () => {
  const mount = (fsType: string, ...options: string[]): Mount => ({
    target: '/data',
    fsType,
    options: ['rw', ...options],
    propagation: 'private',
  });

  test('is refused on a network file system, where locks do not hold', () => {
    for (const fsType of ['nfs4', 'cifs', '9p', 'fuse.sshfs']) {
      expect(judgeMount('/data/errand', mount(fsType), 'local').status).toBe('failed');
      expect(judgeMount('/data/errand', mount(fsType), 'process').status).toBe('advice');
    }
  });

  test('may be mounted noexec, nosuid and nodev', () => {
    const verdict = judgeMount('/data/errand', mount('ext4', 'noexec', 'nosuid'), 'local');
    expect(verdict).toEqual(
      ok('/data/errand on ext4; /data is mounted noexec, nosuid, which instances do not mind'),
    );
  });

  test('has room for builds, not only for the reserve', () => {
    const room = (freeBytes: number) => ({ freeBytes, freeInodes: 1, allInodes: 1 });
    const reserve = 64 * 2 ** 20;
    expect(judgeDisk('/data', room(reserve - 1), reserve).status).toBe('failed');
    expect(judgeDisk('/data', room(reserve * 2), reserve).status).toBe('advice');
    expect(judgeDisk('/data', room(2 ** 31), reserve)).toEqual(ok('2.0 GB free at /data'));
  });

  test('runs out of inodes only where they are counted', () => {
    const room = (freeInodes: number, allInodes: number) => ({ freeBytes: 1, freeInodes, allInodes });
    expect(judgeInodes('/data', room(0, 0)).status).toBe('ok');
    expect(judgeInodes('/data', room(0, 1000)).status).toBe('failed');
    expect(judgeInodes('/data', room(5000, 100_000)).status).toBe('advice');
    expect(judgeInodes('/data', room(50_000, 100_000)).status).toBe('ok');
  });
});

test('an old git is refused, and one that is new enough is not', () => {
  expect(judgeGit('git version 2.24.4', '/usr/bin/git').status).toBe('failed');
  expect(judgeGit('git version 2.25.0', '/usr/bin/git').status).toBe('ok');
  expect(judgeGit('git version 3.0.1 (Apple Git-1)', '/usr/bin/git').status).toBe('ok');
  expect(judgeGit('git of some kind', '/usr/bin/git').status).toBe('advice');
});

test('a clock that cannot be right is refused, one that nobody sets is named', () => {
  expect(judgeClock(new Date('1970-01-02T00:00:00Z'), true).status).toBe('failed');
  expect(judgeClock(new Date('2031-05-06T00:00:00Z'), false)).toMatchObject({
    status: 'advice',
    found: '2031-05-06T00:00:00Z, not synchronised',
  });
  expect(judgeClock(new Date('2031-05-06T00:00:00Z'), undefined).status).toBe('ok');
});

test('few descriptors are refused, more are advised', () => {
  expect(judgeDescriptors(256, 4096).status).toBe('failed');
  expect(judgeDescriptors(1024, 4096).status).toBe('advice');
  expect(judgeDescriptors(65_536, 65_536).status).toBe('ok');
  expect(judgeDescriptors(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY).status).toBe('ok');
});

test('names that do not resolve are advice, with what to add', () => {
  expect(judgeNames(['192.0.2.1'], 'box', '127.0.1.1').status).toBe('ok');
  expect(judgeNames(['192.0.2.1'], 'box', undefined)).toMatchObject({
    status: 'advice',
    advice: 'add "127.0.1.1 box" to /etc/hosts',
  });
  expect(judgeNames([], 'box', '127.0.1.1').found).toContain('no name server');
});

test('an old kernel is advised against, another system is refused', () => {
  expect(judgePlatform('linux', '5.4.0-42-generic').status).toBe('advice');
  expect(judgePlatform('linux', '6.1.0-13-amd64').status).toBe('ok');
  expect(judgePlatform('darwin', '23.1.0').status).toBe('failed');
});

test('what cannot be looked at is not taken for broken', async () => {
  const finding = await find({
    id: 'x',
    name: 'x',
    essential: true,
    look: () => {
      throw new Error('no such file');
    },
  });
  expect(finding).toMatchObject({ status: 'advice', found: 'could not be looked at: no such file' });
  expect(isFit([finding])).toBe(true);
});
