/** How fast stored output is found, and what live and hostile output costs the server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { FileLogStore } from '../../src/logs/file-store.ts';
import type { LogQuery } from '../../src/logs/log-store.ts';
import { compilePattern } from '../../src/logs/pattern.ts';
import { newId } from '../../src/shared/ids.ts';
import { atLeast, atMost, type Bench, type Measure, type Section, type Target } from '../measure.ts';
import { BenchServer, type Job } from '../server.ts';
import { figure, median } from '../statistics.ts';
import { PRO } from './workloads.ts';

export const logs: Measure = { name: 'logs', run };

async function run(bench: Bench): Promise<Section> {
  const targets = [...(await storeTargets(bench)), ...(await serverTargets(bench))];
  return {
    title: 'Output: found, followed, hostile',
    targets,
    tables: [],
    notes: [
      'The ratio compares medians of the same query on a job of 10,000 lines, alone and among 1,000 such jobs.',
      'Memory is the high-water mark of the whole server process (VmHWM), measured over the job and its followers.',
      'A cut follower reads server-sent events, drops the connection after a random number of lines, and comes back with `Last-Event-ID`.',
    ],
  };
}

const LINES_PER_JOB = 10_000;

async function storeTargets(bench: Bench): Promise<Target[]> {
  const jobs = bench.quick ? 50 : 1000;
  const small = await fill(join(bench.folder, 'few'), 1);
  const large = await fill(join(bench.folder, 'many'), jobs);
  const ratio = async (query: Partial<LogQuery>): Promise<number> => {
    const [few, many] = [await timeOf(small, query), await timeOf(large, query)];
    bench.say(`logs: ${JSON.stringify(query)}: ${figure(few)} ms alone, ${figure(many)} ms among ${jobs}`);
    return many / few;
  };
  const lines = (jobs * LINES_PER_JOB).toLocaleString('en');
  const targets = [
    atMost(`last page of one job, in a store of ${lines} lines to one of 10,000`, 2, await ratio({}), ''),
    atMost(
      `a one-hour range of one job, ${lines} lines to 10,000`,
      2,
      await ratio({
        direction: 'forward',
        startTime: '2026-01-01T01:00:00Z',
        endTime: '2026-01-01T02:00:00Z',
      }),
      '',
    ),
    atLeast(
      'text search of one job of 1 GB, the first since the start too',
      200,
      await searchRate(bench),
      ' MB/s',
    ),
  ];
  return targets;
}

interface Filled {
  folder: string;
  jobs: string[];
}

/** A store of jobs with a line each second. */
async function fill(folder: string, count: number): Promise<Filled> {
  const store = new FileLogStore(folder, { nowMs: () => Date.now() });
  const jobs: string[] = [];
  const text = Array.from({ length: LINES_PER_JOB }, (_, n) => record(n, `line ${n} of a job`)).join('');
  for (let n = 0; n < count; n++) {
    const job = newId('job');
    writeFileSync(await store.segmentFile(job, 'output'), text);
    await store.complete(job, 'output');
    jobs.push(job);
  }
  await store.close();
  return { folder, jobs };
}

function record(second: number, message: string): string {
  const time = new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString().slice(0, 19);
  return `${time}.000000000+00:00 stdout F ${message}\n`;
}

const ANY_TIME = { startTime: '1970-01-01T00:00:00Z', endTime: '2999-01-01T00:00:00Z' };

/** Median milliseconds of a query to a store that was just opened. */
async function timeOf({ folder, jobs }: Filled, query: Partial<LogQuery>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 40; n++) {
    const job = jobs[(n * 7) % jobs.length]!;
    const store = new FileLogStore(folder, { nowMs: () => Date.now() });
    const began = performance.now();
    await store.query({ resources: [job], direction: 'backward', limit: 100, ...ANY_TIME, ...query });
    times.push(performance.now() - began);
    await store.close();
  }
  return median(times);
}

async function searchRate(bench: Bench): Promise<number> {
  const store = new FileLogStore(join(bench.folder, 'search'), { nowMs: () => Date.now() });
  const job = newId('job');
  const file = await store.segmentFile(job, 'output');
  const megabytes = bench.quick ? 100 : 1000;
  const block = Array.from({ length: 10_000 }, (_, n) =>
    record(n, `request path=/api/things/${n % 997} status=200 duration=${n % 113}ms trace=0123456789abcdef`),
  ).join('');
  let bytes = 0;
  for (; bytes < megabytes * 1e6; bytes += block.length) writeFileSync(file, block, { flag: 'a' });
  const pattern = compilePattern('payment declined', 'within');
  const search = (): Promise<unknown> =>
    store.query({
      resources: [job],
      direction: 'backward',
      limit: 100,
      ...ANY_TIME,
      keep: (line) => pattern.matches(line.message),
      contains: [pattern.required!],
    });
  // The first look also finds where the lines are, with cold code: people wait for that one too.
  const began = performance.now();
  await search();
  const first = performance.now() - began;
  await search();
  const second = performance.now() - began - first;
  bench.say(
    `logs: search of ${figure(bytes / 1e6)} MB: ${figure(first)} ms at first, then ${figure(second)} ms`,
  );
  await store.close();
  return bytes / 1e3 / Math.max(first, second);
}

async function serverTargets(bench: Bench): Promise<Target[]> {
  let service = '';
  const server = await BenchServer.start(`${bench.folder}/logs-server`, async (database, self) => {
    service = await self.addService(database);
  });
  try {
    const cuts = await cutFollowers(server, service, bench);
    const stalled = await stalledFollower(server, service, bench);
    const hostile = await hostileOutput(server, service, bench);
    return [
      atMost('gaps and repeats of 20 followers, each cut 20 times', 0, cuts, ''),
      atMost('memory that a follower which reads nothing adds', 20, stalled, ' MB'),
      atMost('server memory under 1 GB of lines, 100 MB in one line and random bytes', 256, hostile, ' MB'),
    ];
  } finally {
    await server.close();
  }
}

/** @returns lines that were missing, doubled or out of order */
async function cutFollowers(server: BenchServer, service: string, bench: Bench): Promise<number> {
  const count = 4000;
  const command = `for i in $(seq 1 ${count}); do echo $i; [ $((i % 200)) = 0 ] && sleep 0.2; done; true`;
  const job = await server.create(service, command, { planId: PRO.planId });
  let wrong = 0;
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const got: string[] = [];
      let place: string | undefined;
      for (let cut = 0; cut <= 20; cut++) {
        const most = cut === 20 ? Number.POSITIVE_INFINITY : 1 + Math.floor(Math.random() * 150);
        place = await follow(server, job, place, most, (message) => got.push(message));
      }
      for (let n = 0; n < Math.max(count, got.length); n++) if (got[n] !== String(n + 1)) wrong++;
    }),
  );
  bench.say(`logs: 20 followers cut 20 times: ${wrong} wrong`);
  return wrong;
}

/** Reads events until there were enough or no more. @returns the id of the last */
async function follow(
  server: BenchServer,
  job: Job,
  place: string | undefined,
  most: number,
  onLine: (message: string) => void,
): Promise<string | undefined> {
  const owner = await server.workspaceId();
  const response = await fetch(`${server.url}/v1/logs/stream?ownerId=${owner}&resource=${job.id}`, {
    headers: { ...server.headers, ...(place ? { 'last-event-id': place } : {}) },
  });
  let last = place;
  if (response.status === 204) return last;
  const decoder = new TextDecoder();
  let text = '';
  let seen = 0;
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = text.slice(0, end);
      text = text.slice(end + 2);
      last = /^id: (.*)$/m.exec(event)?.[1] ?? last;
      const data = /^data: ([^\n]*)/m.exec(event)?.[1];
      if (!data || event.includes('event: end')) continue;
      onLine((JSON.parse(data) as { message: string }).message);
      // Leaving the loop drops the connection.
      if (++seen >= most) return last;
    }
  }
  return last;
}

/** @returns megabytes that the server grew by while one follower read nothing and another everything */
async function stalledFollower(server: BenchServer, service: string, bench: Bench): Promise<number> {
  const lines = 200_000;
  const job = await server.create(service, `seq 1 ${lines}`, { planId: PRO.planId });
  await server.finished(job.id);
  // What reading the job costs anyway is not the stalled follower's.
  await follow(server, job, undefined, Number.POSITIVE_INFINITY, () => undefined);
  const before = memoryMb(server.pid, 'VmRSS');
  const owner = await server.workspaceId();
  const { hostname, port } = new URL(server.url);
  const lazy = connect(Number(port), hostname);
  lazy.pause();
  const { authorization } = server.headers;
  lazy.write(
    `GET /v1/logs/stream?ownerId=${owner}&resource=${job.id} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`,
  );
  await new Promise((resolve) => setTimeout(resolve, bench.quick ? 5000 : 60_000));
  const grown = memoryMb(server.pid, 'VmRSS') - before;
  let seen = 0;
  await follow(server, job, undefined, Number.POSITIVE_INFINITY, () => seen++);
  if (seen !== lines) throw new Error(`the other follower saw ${seen} of ${lines} lines`);
  lazy.destroy();
  bench.say(`logs: a follower that reads nothing added ${figure(grown)} MB`);
  return Math.max(0, grown);
}

/** @returns the server's high-water mark in megabytes */
async function hostileOutput(server: BenchServer, service: string, bench: Bench): Promise<number> {
  const scale = bench.quick ? 10 : 1;
  const commands = [
    `head -c ${100_000_000 / scale} /dev/zero | tr '\\0' x`,
    `yes $(printf '%0999d' 0) | head -c ${1_000_000_000 / scale}`,
    `head -c ${50_000_000 / scale} /dev/urandom`,
    `head -c ${20_000_000 / scale} /dev/zero`,
    `for i in $(seq 1 ${20_000 / scale}); do printf '\\r%s%%' $i; done`,
  ];
  for (const command of commands) {
    const job = await server.create(service, command, { planId: PRO.planId });
    let bytes = 0;
    await follow(server, job, undefined, Number.POSITIVE_INFINITY, (message) => {
      bytes += message.length;
    });
    await server.finished(job.id);
    bench.say(
      `logs: ${command}: ${figure(bytes / 1e6)} M characters followed, ${memoryMb(server.pid, 'VmHWM')} MB`,
    );
  }
  return memoryMb(server.pid, 'VmHWM');
}

function memoryMb(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const kb = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kb) / 1000);
}
