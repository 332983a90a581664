/**
 * What a job, a build or a repository makes too much of: names, folders, depth, processes, output, bytes. Meanwhile the
 * server answers, keeps small, and a job beside prints all its lines. On file systems of their own, so that nothing
 * else of the machine is filled.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Findings } from './batches.ts';
import type { ShownJob } from './jobs.ts';
import { outputOf } from './output.ts';
import { Probe, type Probed } from './probe.ts';
import { KEY, ServerProcess } from './server-process.ts';
import { until } from './supervisors.ts';
import type { Violations } from './verdict.ts';

export interface FloodOptions {
  /** Names in one folder; the other floods are sized after it. */
  names: number;
  /** Output at full speed for so long. */
  seconds: number;
  /** Of the server. */
  heapMegabytes?: number | undefined;
  /** Milliseconds that no answer may take; undefined: they are told and not judged. */
  answerWithinMs?: number | undefined;
  /** Only the floods whose name has this in it. */
  only?: string | undefined;
  progress: (text: string) => void;
}

const MOST_MEGABYTES = 300;
const IDLE_MS = 2000;
const LONG_MS = 3_600_000;

interface Flood {
  name: string;
  command: string;
  /** It is a build, of a repository with so many files. */
  repository?: number;
  /** What is wrong with the job that it became. */
  judge: (job: ShownJob) => string | undefined;
}

interface Disk {
  size: string;
  inodes: number;
  flags: string[];
  floods: Flood[];
}

const succeeded = (job: ShownJob): string | undefined =>
  job.status === 'succeeded' ? undefined : JSON.stringify(job);
const diskFull =
  (why: RegExp) =>
  (job: ShownJob): string | undefined =>
    why.test(job.reason?.diskFull ?? '') ? undefined : JSON.stringify(job);
const live = (deploy: ShownJob): string | undefined =>
  deploy.status === 'live' ? undefined : JSON.stringify(deploy);
const ended = (job: ShownJob): string | undefined => (job.finishedAt ? undefined : JSON.stringify(job));

function disks({ names, seconds }: FloodOptions): Disk[] {
  const makeNames = `mkdir -p /tmp/d && cd /tmp/d && seq ${names} | xargs -n 10000 touch`;
  const inodes = Math.ceil(names * 1.5) + 50_000;
  const size = `${Math.ceil((inodes * 256 + names * 200) / 2 ** 20) + 1500}M`;
  return [
    {
      size,
      inodes,
      flags: ['--max-job-files', String(Math.ceil(names / 3))],
      floods: [
        {
          name: 'names within limits',
          command: `${makeNames}; sleep 1000`,
          judge: diskFull(/than its limit/),
        },
        {
          name: 'names of a build within limits',
          repository: 10,
          command: `mkdir d && cd d && seq ${names} | xargs -n 10000 touch; sleep 1000`,
          judge: (deploy) => (deploy.status === 'build_failed' ? undefined : JSON.stringify(deploy)),
        },
      ],
    },
    {
      size,
      inodes,
      flags: ['--max-job-files', '1000000000', '--max-job-disk', '1TB'],
      floods: [
        { name: 'names without limits', command: makeNames, judge: succeeded },
        {
          name: 'empty folders',
          command: `mkdir -p /tmp/d && cd /tmp/d && seq ${Math.ceil(names / 3)} | xargs -n 10000 mkdir`,
          judge: succeeded,
        },
        {
          name: 'deep paths',
          command:
            'p=$(printf "d/%.0s" $(seq 1000)); cd /tmp && for n in 1 2 3 4; do mkdir -p "$p" && cd -P "$p" || exit 1; done',
          judge: succeeded,
        },
        { name: 'a hole', command: 'truncate -s 100G /tmp/.env ./.env', judge: succeeded },
        {
          name: 'processes',
          command: 'for n in $(seq 10000); do sleep 5 & done 2>/dev/null; wait',
          judge: ended,
        },
        { name: 'output', command: `timeout ${seconds} yes; true`, judge: succeeded },
        {
          name: 'names of a build',
          repository: 10,
          command: `mkdir d && cd d && seq ${names} | xargs -n 10000 touch`,
          judge: live,
        },
        {
          name: 'names in a repository',
          repository: Math.ceil(names / 30),
          command: 'true',
          judge: live,
        },
        {
          name: 'bytes',
          command: `timeout ${seconds} sh -c 'while :; do head -c 300M /dev/zero > /tmp/x; done'; true`,
          judge: succeeded,
        },
      ],
    },
    {
      size: '700M',
      inodes: 60_000,
      flags: ['--max-job-disk', '10GB', '--max-job-files', '1000000000', '--disk-reserve', '100MB'],
      floods: [
        {
          name: 'a full disk',
          command: 'cat /dev/zero > /tmp/x; sleep 1000',
          judge: diskFull(/nearly full/),
        },
        {
          name: 'full inodes',
          command: 'cd /tmp; seq 80000 | xargs touch; sleep 1000',
          judge: diskFull(/out of inodes/),
        },
      ],
    },
  ];
}

export async function flood(options: FloodOptions): Promise<{ counts: object; violations: Violations }> {
  const findings = new Findings();
  const counts: Record<string, string> = {};
  for (const disk of disks(options)) {
    const floods = disk.floods.filter(({ name }) => name.includes(options.only ?? ''));
    if (floods.length > 0) await onDisk({ ...disk, floods }, options, counts, findings);
  }
  return { counts, violations: findings.violations };
}

async function onDisk(
  disk: Disk,
  options: FloodOptions,
  counts: Record<string, string>,
  findings: Findings,
): Promise<void> {
  const image = mountImage(disk);
  const flags = ['--max-memory', '64GB', '--max-cpu', '64', '--allow-local-repos', ...disk.flags];
  const server = await ServerProcess.make('local', flags, join(image.folder, 'server'));
  try {
    const serviceId = await server.seed();
    server.launch(
      options.heapMegabytes ? { NODE_OPTIONS: `--max-old-space-size=${options.heapMegabytes}` } : {},
    );
    await server.ready();
    const probe = new Probe({ url: server.url, key: KEY });
    for (const one of disk.floods) {
      const seen = await observe(server, serviceId, one, probe);
      counts[one.name] = describe(seen);
      options.progress(`${one.name}: ${counts[one.name]}`);
      const wrong = [...seen.wrong];
      if (seen.megabytes > MOST_MEGABYTES) wrong.push(`the server took ${seen.megabytes} MB`);
      if (seen.probed.failures > 0) wrong.push(`${seen.probed.failures} requests got no good answer`);
      if (seen.probed.slowest > (options.answerWithinMs ?? Number.POSITIVE_INFINITY)) {
        wrong.push(`an answer took ${seen.probed.slowest} ms`);
      }
      for (const what of wrong) findings.note(one.name, what);
      if (!server.alive)
        throw new Error(`the server ended: ${readFileSync(server.logFile, 'utf8').slice(-2000)}`);
    }
    await probe.stop();
  } finally {
    await server.remove().finally(image.unmount);
  }
}

interface Seen {
  idle: Probed;
  probed: Probed;
  /** The most that the server took so far. */
  megabytes: number;
  /** Until the end, and until nothing was left of it. */
  endSeconds: number;
  goneSeconds: number;
  wrong: string[];
}

const describe = ({ idle, probed, megabytes, endSeconds, goneSeconds }: Seen): string =>
  `answers ${probed.slowest} ms at most, p99 ${probed.p99} (before: ${idle.slowest}, ${idle.p99}), ` +
  `server ${megabytes} MB, over after ${endSeconds} s, gone after ${goneSeconds} s`;

async function observe(server: ServerProcess, serviceId: string, one: Flood, probe: Probe): Promise<Seen> {
  const wrong: string[] = [];
  const beside = await create(server, serviceId, 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done');
  await until(server, beside, ({ status }) => status === 'running');
  await probe.take();
  await delay(IDLE_MS);
  const idle = await probe.take();
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 100) / 10;
  const judged = one.repository
    ? one.judge(await build(server, one.repository, one.command))
    : one.judge(await until(server, await create(server, serviceId, one.command), isOver, LONG_MS));
  if (judged) wrong.push(judged);
  const endSeconds = seconds();
  while (isAnythingLeft(server.dataDir, beside)) await delay(100);
  const goneSeconds = seconds();
  const probed = await probe.take();
  const after = await until(server, beside, () => true);
  if (after.status !== 'running') wrong.push(`the job beside it: ${JSON.stringify(after)}`);
  await server.insist('POST', `/services/${serviceId}/jobs/${beside}/cancel`);
  await until(server, beside, isOver);
  wrong.push(...(await wrongLines(server, beside)));
  return { idle, probed, megabytes: peakMegabytes(server.pid!), endSeconds, goneSeconds, wrong };
}

const isOver = ({ finishedAt }: ShownJob): boolean => finishedAt !== undefined;

async function create(server: ServerProcess, serviceId: string, startCommand: string): Promise<string> {
  for (;;) {
    const { status, body } = await server.insist<ShownJob>('POST', `/services/${serviceId}/jobs`, {
      startCommand,
    });
    if (status === 201) return body.id;
    // Right after a flood the disk may still be short.
    if (status !== 503) throw new Error(`creating a job: ${status} ${JSON.stringify(body)}`);
    await delay(200);
  }
}

/** A service from a repository, built once. @returns its build as if it were a job */
async function build(server: ServerProcess, files: number, buildCommand: string): Promise<ShownJob> {
  const repo = makeRepository(join(server.folder, `repository-${files}`), files);
  const { body } = await server.insist<{ service: { id: string }; deployId: string }>('POST', '/services', {
    type: 'web_service',
    name: `flood-${Date.now()}`,
    ownerId: await server.workspaceId(),
    repo: `file://${repo}`,
    serviceDetails: {
      runtime: 'node',
      plan: 'starter',
      envSpecificDetails: { buildCommand, startCommand: 'true' },
    },
  });
  for (;;) {
    const answer = await server.insist<ShownJob>(
      'GET',
      `/services/${body.service.id}/deploys/${body.deployId}`,
    );
    if (isOver(answer.body)) return answer.body;
    await delay(200);
  }
}

/** One commit with that many files, all of the same content: small to send and large to unfold. */
function makeRepository(folder: string, files: number): string {
  mkdirSync(folder, { recursive: true });
  const git = (args: string[], input = ''): unknown =>
    execFileSync('git', ['-C', folder, ...args], { input, stdio: ['pipe', 'ignore', 'inherit'] });
  git(['init', '-q', '--initial-branch', 'main']);
  const names = Array.from({ length: files }, (_, n) => `M 100644 :1 many/f${n}\n`).join('');
  const commit = `commit refs/heads/main\ncommitter a <a@example.com> 0 +0000\ndata 1\nx\n${names}\n`;
  git(['fast-import', '--quiet'], `blob\nmark :1\ndata 2\nx\n\n${commit}`);
  return folder;
}

function isAnythingLeft(dataDir: string, but: string): boolean {
  const names = ['instances', 'discarded', 'builds'].flatMap((name) => {
    const folder = join(dataDir, name);
    return existsSync(folder) ? readdirSync(folder) : [];
  });
  return names.some((name) => name !== but);
}

/** Numbers from 1 on, none missing; where the disk was full, a line that says so stands for those that are. */
async function wrongLines(server: ServerProcess, jobId: string): Promise<string[]> {
  let expected = 1;
  let isMarked = false;
  for await (const message of outputOf(server, jobId)) {
    if (message.startsWith('[the disk was full')) isMarked = true;
    else if (Number(message) === expected || isMarked) expected = Number(message) + 1;
    else return [`after ${expected - 1} the job beside it has ${JSON.stringify(message)}`];
  }
  return expected === 1 ? ['the job beside it has no output'] : [];
}

function peakMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

/** A file system in a file, where temporary files are. */
function mountImage({ size, inodes }: Pick<Disk, 'size' | 'inodes'>): {
  folder: string;
  unmount: () => void;
} {
  const place = mkdtempSync(join(tmpdir(), 'errand-flood-'));
  const image = join(place, 'image');
  const folder = join(place, 'mounted');
  mkdirSync(folder);
  execFileSync('truncate', ['-s', size, image]);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', '-N', String(inodes), image]);
  execFileSync('mount', ['-o', 'loop', image, folder]);
  return {
    folder,
    unmount: () => {
      execFileSync('umount', ['-l', folder]);
      rmSync(place, { recursive: true, force: true });
    },
  };
}
