/** What an instance of the local executor can see and take, each shown by a job in a real sandbox. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { argumentsOf } from '../../src/executors/processes.ts';
import { cgroupsOf } from '../../torture/leftovers.ts';
import { eventually } from '../support/eventually.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;

beforeAll(async () => {
  server = await TestServer.start();
  serviceId = await server.seedService({ 'app.txt': 'built\n', 'bin/tool': '#!/bin/sh\necho tool\n' });
});
afterAll(async () => server.close());

const text = async (command: string, more: Record<string, unknown> = {}): Promise<string> =>
  (await server.run(serviceId, command, more)).output.join('\n');

/** Processes of this host that have `marker` among their arguments. */
const processesWith = (marker: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => argumentsOf(pid)?.some((argument) => argument.includes(marker)));

describe('the view of an instance', () => {
  test('has no data folder of the server', async () => {
    const { dataDir } = server.config;
    expect(await text(`ls ${dataDir} 2>&1; find / -name master.key -o -name errand.db 2>/dev/null`)).toMatch(
      /No such file or directory$/,
    );
  });

  test('has neither the homes nor the private files of the host', async () => {
    expect(await text('ls -A /root /home /srv /mnt | grep -v : | sort -u; cat /etc/shadow 2>&1')).toMatch(
      /^\n?cat: \/etc\/shadow: No such file or directory$/,
    );
  });

  test('has no files and no processes of another running job', async () => {
    const other = await server.createJob(serviceId, 'echo private > /tmp/mine; echo up; sleep 300');
    await eventually(async () => (await server.output(other.id)).includes('up'));
    const seen = await text('ls /tmp; ls -d /proc/[0-9]* | wc -l; ps ax | grep -c "[s]leep 300"');
    const [processes, sleepers] = seen.split('\n').slice(-2).map(Number);
    expect(seen).not.toContain('mine');
    expect(processes).toBeLessThan(8);
    expect(sleepers).toBe(0);
    await server.call('POST', `/services/${serviceId}/jobs/${other.id}/cancel`);
    await server.finished(other.id);
  });

  test('has no mount that is tied to one of the host', async () => {
    // Where the host's mounts are shared, as systemd makes them, what an instance mounts would appear there. What the
    // runtime covers single files of /proc with takes no mounts.
    expect(await text('grep -E " (shared|master):" /proc/self/mountinfo | grep -v " /proc/"; true')).toBe('');
  });

  test('has no path to the ticket that says that it started', async () => {
    expect(
      await text(
        'find / -xdev -name "ticket*" 2>/dev/null; ls -l /proc/self/fd /proc/1/fd | grep -c instances',
      ),
    ).toBe('0');
  });

  test('reads an empty input that is no device of the host, which it would own', async () => {
    expect(await text('readlink /proc/self/fd/0 | tr -d "0-9"; cat; echo end')).toBe('pipe:[]\nend');
  });

  test('may write its project and its temporary folder, and the artifact stays as it was', async () => {
    expect(await text('echo changed > app.txt; echo x > /tmp/x; rm -r bin; cat app.txt; ls')).toBe(
      'changed\napp.txt',
    );
    expect(await text('cat app.txt; ls')).toBe('built\napp.txt\nbin');
  });

  test('may not write the programs of the host', async () => {
    expect(await text('touch /usr/bin/x /etc/x /opt/x 2>&1 | grep -c Read-only')).toBe('3');
  });
});

describe('the privileges of an instance', () => {
  test('are none: no capability, no new privileges, a filter of system calls, not root on the host', async () => {
    const status = await text('grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; id -u');
    for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(status).toContain(`${name}:\t0000000000000000`);
    }
    expect(status).toContain('NoNewPrivs:\t1');
    expect(status).toContain('Seccomp:\t2');
    expect(status.split('\n').at(-1)).toBe('64000');
    const job = await server.createJob(serviceId, 'exec sleep 301');
    const pid = await eventually(() => processesWith('sleep').find((one) => argumentsOf(one)?.[1] === '301'));
    expect(execFileSync('stat', ['-c', '%u', `/proc/${pid}`], { encoding: 'utf8' }).trim()).toBe('64000');
    await server.call('POST', `/services/${serviceId}/jobs/${job.id}/cancel`);
    await server.finished(job.id);
  });

  test('do not allow mounts, other namespaces or tracing the kernel', async () => {
    const refused = await text(
      'unshare -U true 2>&1; unshare -m true 2>&1; mount -t tmpfs x /tmp 2>&1; nsenter -t 1 -m true 2>&1; echo $?',
    );
    expect(
      refused.match(/not permitted|permission denied|must be superuser/gi)?.length,
    ).toBeGreaterThanOrEqual(3);
    expect(refused.split('\n').at(-1)).not.toBe('0');
  });
});

describe('the limits of an instance', () => {
  test('show the memory of its instance type in its own cgroup', async () => {
    const limit = 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null';
    expect(await text(limit)).toBe(String(512 * 2 ** 20));
    expect(await text(limit, { planId: 'standard' })).toBe(String(2 * 2 ** 30));
  });

  test('end a job that takes more memory, as out of memory', async () => {
    const job = await server.run(serviceId, 'head -c 600m /dev/zero | tail');
    expect(job).toMatchObject({
      status: 'failed',
      reason: { evicted: false, oomKilled: { memoryLimit: '512Mi' } },
    });
  });

  test('give a busy loop on Starter half a CPU', async () => {
    const job = await server.run(
      serviceId,
      'end=$((SECONDS+4)); while [ $SECONDS -lt $end ]; do :; done; times',
    );
    // `times` prints the shell's own user and system time first.
    const [user, system] = job.output[0]!.split(' ').map((part) => {
      const [, minutes, seconds] = /(\d+)m([\d.]+)s/.exec(part)!;
      return Number(minutes) * 60 + Number(seconds);
    });
    const elapsed = (Date.parse(job.finishedAt!) - Date.parse(job.startedAt!)) / 1000;
    expect((user! + system!) / elapsed).toBeLessThanOrEqual(0.55);
  });

  test('keep a fork bomb within its number of processes', async () => {
    const job = await server.createJob(serviceId, 'f() { f | f & }; f 2>/dev/null; sleep 2; echo over');
    const ended = await server.finished(job.id, 60_000);
    expect(['succeeded', 'failed']).toContain(ended.status);
    // The host is fine: it runs the next job.
    expect(await text('echo fine')).toBe('fine');
  });
});

describe('the end of an instance', () => {
  test('takes along a process that left the session', async () => {
    const job = await server.run(serviceId, 'setsid sleep 4242 >/dev/null 2>&1 & sleep 0.2; echo done');
    expect(job.output).toEqual(['done']);
    expect(processesWith('4242')).toEqual([]);
  });

  test('leaves no folder, no mount and no cgroup', async () => {
    const job = await server.createJob(serviceId, 'echo up; read -r _ < <(sleep 300)');
    await eventually(async () => (await server.output(job.id)).includes('up'));
    const folder = join(server.config.dataDir, 'instances', job.id);
    const name = readFileSync(join(folder, 'supervisor', 'name'), 'utf8');
    const cgroups = cgroupsOf(new Set([name]));
    expect(cgroups).not.toEqual([]);
    await server.call('POST', `/services/${serviceId}/jobs/${job.id}/cancel`);
    await server.finished(job.id);
    await eventually(async () => !existsSync(folder));
    expect(cgroups.filter((cgroup) => existsSync(cgroup))).toEqual([]);
    expect(processesWith(name)).toEqual([]);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(job.id);
  });
});

describe('what the process sees', () => {
  test('is the environment of a built service', async () => {
    const job = await server.run(serviceId, 'pwd; env | grep -E "^(RENDER|ERRAND|IS_PULL|NODE_ENV)" | sort');
    expect(job.output).toEqual([
      '/opt/render/project/src',
      `ERRAND_JOB_ID=${job.id}`,
      'IS_PULL_REQUEST=false',
      'NODE_ENV=production',
      'RENDER=true',
      'RENDER_CPU_COUNT=0.5',
      `RENDER_GIT_BRANCH=main`,
      `RENDER_GIT_COMMIT=${'a'.repeat(40)}`,
      'RENDER_GIT_REPO_SLUG=team/app',
      `RENDER_INSTANCE_ID=${job.id}`,
      `RENDER_SERVICE_ID=${serviceId}`,
      expect.stringMatching(/^RENDER_SERVICE_NAME=service-/),
      'RENDER_SERVICE_TYPE=worker',
    ]);
  });

  test('is the command itself, also when it begins with a dash', async () => {
    expect(await text('--version')).toMatch(/--version: (command )?not found/);
    expect(await text('-c "echo other" 2>&1 || echo no program')).toBe(
      'bash: line 1: -c: command not found\nno program',
    );
  });

  test('is a command of up to 256 KiB, whole', async () => {
    const padding = 'x'.repeat(256 * 1024 - 40);
    expect(await text(`v='${padding}'; echo \${#v}`)).toBe(String(padding.length));
  });

  test('is PID 1 that reaps what is left to it', async () => {
    expect(await text('(sleep 0.1 &) ; sleep 0.5; ps -eo stat= | grep -c Z')).toBe('0');
  });
});
