/** Memory of the server and of running jobs, and how long a killed server takes to have its jobs again. */
import { setTimeout as delay } from 'node:timers/promises';
import { atLeast, atMost, type Bench, type Measure, type Section } from '../measure.ts';
import { availableMemory, type Memory, memoryOf, processesAround } from '../processes.ts';
import { BenchServer } from '../server.ts';
import { figure } from '../statistics.ts';

const MB = 1e6;
/** What is freed lazily, and what a start leaves to be collected, has this long to settle. */
const SETTLE_MS = 3000;
const RECOVERY_WAIT_MS = 60_000;
const AT_ONCE = 16;

export const memory: Measure = { name: 'memory', run };

async function run(bench: Bench): Promise<Section> {
  const count = bench.quick ? 100 : 500;
  let service = '';
  const server = await BenchServer.start(`${bench.folder}/memory`, async (database, self) => {
    service = await self.addService(database);
  });
  try {
    await delay(SETTLE_MS);
    const idle = memoryOf(server.pid);
    for (let each = 0; each < 20; each += 1) await server.run(service, 'true');
    await delay(SETTLE_MS);
    const used = memoryOf(server.pid);
    const before = { available: availableMemory(), instances: instancesOf(server) };
    const started = performance.now();
    const ids = await startAll(server, service, count);
    const startMs = performance.now() - started;
    await delay(SETTLE_MS);
    const running = memoryOf(server.pid);
    const instances = instancesOf(server);
    const machine = before.available - availableMemory();
    bench.say(`memory: ${count} jobs run after ${figure(startMs)} ms`);
    const recovered = await recover(server, ids);
    bench.say(`memory: recovered in ${figure(recovered.allMs)} ms`);
    const ended = await cancelAll(server, ids);
    const perJob = (instances.pss - before.instances.pss + running.pss - used.pss) / count;
    return {
      title: `Memory, and ${count} jobs at once`,
      targets: [
        atMost('the idle server, resident', 110, idle.rss / MB, ' MB'),
        atMost(
          'a running job, supervisor and its part of the server included, proportional',
          4,
          perJob / MB,
          ' MB',
        ),
        atMost('a running job, by what the machine has less available', 4, machine / count / MB, ' MB'),
        atLeast('jobs running at once', count, ids.length, ''),
        atMost(`recovery of ${count} running jobs after kill -9`, 5, recovered.allMs / 1000, ' s'),
      ],
      tables: [
        {
          columns: ['', 'resident, MB', 'proportional, MB'],
          rows: [
            ['the server after its start', ...show(idle)],
            ['the server after 20 jobs', ...show(used)],
            [`the server with ${count} running jobs`, ...show(running)],
            [
              `supervisors and processes of ${count} jobs`,
              ...show({
                rss: instances.rss - before.instances.rss,
                pss: instances.pss - before.instances.pss,
              }),
            ],
            [`what the machine has less available with ${count} jobs`, '-', figure(machine / MB)],
          ],
        },
        {
          columns: [`with ${count} running jobs`, 'ms'],
          rows: [
            [`from the first create until all run (${AT_ONCE} clients)`, figure(startMs)],
            ['after kill -9: from the start of the process until it listens', figure(recovered.listensMs)],
            ['until every job is followed again', figure(recovered.allMs)],
            [`all canceled and final (${ended.final} of ${count})`, figure(ended.ms)],
          ],
        },
      ],
      notes: [
        'Jobs are `sleep` of the smallest instance type. Proportional memory divides pages that processes share. What the machine has less available counts the kernel’s share too (cgroups, mounts, namespaces), and whatever else the machine did meanwhile.',
      ],
    };
  } finally {
    await server.close();
  }
}

const show = ({ rss, pss }: Memory): string[] => [figure(rss / MB), figure(pss / MB)];

function instancesOf(server: BenchServer): Memory {
  const all = processesAround(server.dataDir, [server.pid]).map(memoryOf);
  return {
    rss: all.reduce((sum, { rss }) => sum + rss, 0),
    pss: all.reduce((sum, { pss }) => sum + pss, 0),
  };
}

/** Creates the jobs and resolves with their ids when all run. */
async function startAll(server: BenchServer, service: string, count: number): Promise<string[]> {
  const ids = await inParallel(
    Array.from({ length: count }, (_, index) => index),
    async () => (await server.create(service, 'sleep 100000')).id,
  );
  for (const id of ids) {
    while (!(await server.client.json<{ startedAt?: string }>('GET', `/jobs/${id}`)).startedAt)
      await delay(20);
  }
  return ids;
}

/** Kills the server and starts another; the log names each job that is taken up again. */
async function recover(server: BenchServer, ids: string[]): Promise<{ listensMs: number; allMs: number }> {
  const missing = new Set(ids);
  await server.stop('SIGKILL');
  const started = performance.now();
  const { promise: all, resolve, reject } = Promise.withResolvers<number>();
  const patience = setTimeout(
    () => reject(new Error(`${missing.size} jobs were not taken up again`)),
    RECOVERY_WAIT_MS,
  );
  const listensMs = await server.launch((line) => {
    const id = /taking up a job.*?(job-[0-9a-v]{20})/.exec(line)?.[1];
    if (id && missing.delete(id) && missing.size === 0) resolve(performance.now() - started);
  });
  const allMs = await all.finally(() => clearTimeout(patience));
  return { allMs: Math.max(allMs, listensMs), listensMs };
}

/** Also proves that the recovered jobs are in the new server's hands. */
async function cancelAll(server: BenchServer, ids: string[]): Promise<{ ms: number; final: number }> {
  const started = performance.now();
  const finals = await inParallel(ids, async (id) => {
    const { serviceId } = await server.client.json<{ serviceId: string }>('GET', `/jobs/${id}`);
    await server.client.json('POST', `/services/${serviceId}/jobs/${id}/cancel`);
    const job = await server.client.json<{ finishedAt?: string }>(
      'GET',
      `/jobs/${id}/wait?timeoutSeconds=60`,
    );
    return job.finishedAt !== undefined;
  });
  return { ms: performance.now() - started, final: finals.filter(Boolean).length };
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
