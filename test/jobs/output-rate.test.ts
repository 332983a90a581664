/** A job that floods its output, beside one that does not: by the share of CPU that their cgroups say. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;

beforeEach(async () => {
  server = await TestServer.start({ maxLogRate: '100KB', maxLogBytes: '100MB' });
  serviceId = await server.seedService();
});
afterEach(async () => server.close());

async function running(command: string): Promise<string> {
  const { id } = await server.createJob(serviceId, command);
  await eventually(async () => (await server.job(id)).status === 'running', { what: `the start of ${id}` });
  return id;
}

/** The folder of a job's cgroup, on whichever layout of cgroups this host has. */
function cgroup(id: string): string {
  const name = readFileSync(join(server.config.dataDir, 'instances', id, 'supervisor', 'name'), 'utf8');
  const found = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', name], { encoding: 'utf8' });
  const folder = found
    .split('\n')
    .find((one) => existsSync(join(one, 'cpu.max')) || existsSync(join(one, QUOTA)));
  if (!folder) throw new Error(`no cgroup with a limit of CPU among: ${found}`);
  return folder;
}

const QUOTA = 'cpu.cfs_quota_us';
const quotaFile = (folder: string): string =>
  join(folder, existsSync(join(folder, QUOTA)) ? QUOTA : 'cpu.max');
/** Of a second, in microseconds: the period may be another one. */
function quota(folder: string): number {
  const [amount, among] = readFileSync(quotaFile(folder), 'utf8').split(/\s/).map(Number);
  const period = among || Number(readFileSync(join(folder, 'cpu.cfs_period_us'), 'utf8'));
  return Math.round((amount! / period) * 1_000_000);
}

test('a job that floods its output gets less CPU, and one that does not keeps its own', async () => {
  const beside = cgroup(await running('while :; do echo tick; sleep 0.1; done'));
  const flood = cgroup(await running('sleep 1; yes'));
  const whole = quota(flood);
  await eventually(() => quota(flood) < whole / 20, { what: 'the slowing down' });
  expect(quota(beside)).toBe(whole);
});

test('a job that was slowed by a server that was killed gets back what it had', async () => {
  const folder = cgroup(await running('sleep 1000'));
  const whole = quota(folder);
  await server.restart(() => writeFileSync(quotaFile(folder), '5000'));
  await eventually(() => quota(folder) === whole, { what: 'the restoring' });
});
