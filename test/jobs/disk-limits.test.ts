/** Jobs and builds that take more of the disk than they may, and those beside them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { ServeFlags } from '../../src/config.ts';
import { buildService } from '../support/build-service.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
const after: (() => void)[] = [];

afterEach(async () => {
  await server.close();
  for (const undo of after.splice(0)) undo();
});

async function start(flags: ServeFlags = {}): Promise<string> {
  server = await TestServer.start(flags);
  return server.seedService();
}

/** A data folder on a small file system of its own. */
function smallDisk(options: string): string {
  const mount = mkdtempSync(join(tmpdir(), 'errand-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', mount]);
  after.push(() => {
    execFileSync('umount', [mount]);
    rmSync(mount, { recursive: true, force: true });
  });
  return join(mount, 'data');
}

async function running(serviceId: string, command: string): Promise<string> {
  const { id } = await server.createJob(serviceId, command);
  await eventually(async () => (await server.job(id)).status === 'running', { what: `the start of ${id}` });
  return id;
}

const discarded = (id: string): Promise<unknown> =>
  eventually(async () => !(await server.running.context.executor.list()).includes(id));

test('a job that takes more of the disk than it may is ended at once, and says why; one beside it goes on', async () => {
  const serviceId = await start({ maxJobDisk: '20MB' });
  const beside = await running(serviceId, 'head -c 5M /dev/zero > /tmp/x; sleep 1000');
  // The signal that asks is of no use to it.
  const filler = await running(serviceId, "trap '' TERM; head -c 60M /dev/zero > ~/x; sleep 1000");
  const ended = await server.finished(filler);
  expect(ended).toMatchObject({ status: 'failed', exitCode: 137, signal: 'SIGKILL' });
  expect(ended.reason?.diskFull).toMatch(/^its files took \d\d\.\d MB, more than its limit of 20\.0 MB/);
  await discarded(filler);
  expect(await server.job(beside)).toMatchObject({ status: 'running' });
});

test('a job that makes more files than it may is ended, whatever they hold', {
  timeout: 120_000,
}, async () => {
  const serviceId = await start({ maxJobFiles: '2000' });
  const id = await running(serviceId, 'mkdir /tmp/d && cd /tmp/d && seq 5000 | xargs touch; sleep 1000');
  const ended = await server.finished(id, 90_000);
  expect(ended.status).toBe('failed');
  expect(ended.reason?.diskFull).toMatch(/^it had \d{4} files and folders, more than its limit of 2000/);
});

test('what a job prints is no file of it, and has a limit of its own', async () => {
  const serviceId = await start({ maxJobDisk: '5MB', maxLogBytes: '100MB' });
  const job = await server.createJob(serviceId, 'head -c 20M /dev/zero | tr "\\0" x | fold -w 1000; sleep 2');
  expect(await server.finished(job.id)).toMatchObject({ status: 'succeeded' });
});

test('a file that is nothing but a hole takes nothing', async () => {
  const serviceId = await start({ maxJobDisk: '20MB' });
  const job = await server.run(serviceId, 'truncate -s 100G /tmp/hole && sleep 2 && stat -c %s /tmp/hole');
  expect(job).toMatchObject({ status: 'succeeded', output: ['107374182400'] });
});

test('a build that takes more of the disk than it may fails with the reason', async () => {
  await start({ maxJobDisk: '20MB' });
  const repository = new GitRepository({ 'a.txt': 'a' });
  after.push(() => repository.remove());
  const { service, deploy } = await buildService(server, repository, 'head -c 60M /dev/zero > x; sleep 1000');
  expect(deploy.status).toBe('build_failed');
  const output = await server.output(service.id);
  expect(output.at(-1)).toMatch(/its files took \d\d\.\d MB, more than its limit of 20\.0 MB/);
});

test.each([
  [
    'space',
    'size=128m',
    'head -c 200M /dev/zero > /tmp/x; echo full; sleep 1000',
    /nearly full, and its files/,
  ],
  [
    'inodes',
    'size=128m,nr_inodes=6000',
    'cd /tmp; seq 7000 | xargs touch; echo full; sleep 1000',
    /out of inodes/,
  ],
])(
  'whoever takes the last of the %s is ended, and nobody else; the others print and end',
  async (_, disk, fill, why) => {
    const dataDir = smallDisk(disk);
    const serviceId = await start({
      dataDir,
      diskReserve: '16MB',
      maxJobDisk: '1GB',
      maxJobFiles: '1000000',
    });
    const beside = await running(serviceId, 'for n in $(seq 50); do echo $n; sleep 0.1; done; exit 5');
    const idle = await running(serviceId, 'sleep 1000');
    const filler = await running(serviceId, fill);
    const ended = await server.finished(filler);
    expect(ended.status).toBe('failed');
    expect(ended.reason?.diskFull).toMatch(why);
    expect(await server.finished(beside)).toMatchObject({ status: 'failed', exitCode: 5 });
    expect((await server.job(idle)).status).toBe('running');
    // Room is back, for new ones as well.
    const next = await eventually(async () => {
      const answer = await server.call<{ id: string }>('POST', `/services/${serviceId}/jobs`, {
        startCommand: 'echo again',
      });
      return answer.status === 201 && answer.body;
    });
    expect(await server.finished(next.id)).toMatchObject({ status: 'succeeded' });
    expect(await server.output(next.id)).toEqual(['again']);
  },
);
