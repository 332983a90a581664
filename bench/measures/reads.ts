/** Reads per second over HTTP: one job, and a page of jobs. */
import { load } from '../load.ts';
import { atLeast, type Bench, type Measure, type Section } from '../measure.ts';
import { BareServer } from '../peers/bare-server.ts';
import { databaseFile, seedJobs } from '../seed-jobs.ts';
import { BenchServer } from '../server.ts';
import { figure, median, pairedRatio } from '../statistics.ts';

const CONNECTIONS = 32;
const JOBS = 1000;

export const reads: Measure = { name: 'reads', run };

async function run(bench: Bench): Promise<Section> {
  let service = '';
  const server = await BenchServer.start(`${bench.folder}/reads`, async (database, self) => {
    service = await self.addService(database);
  });
  const { job } = await server.run(service, 'true');
  seedJobs(databaseFile(server.dataDir), service, JOBS);
  const bare = await BareServer.start(`${bench.folder}/reads-bare`, server, service);
  const sides: Record<string, { url: string; headers: Record<string, string>; pid: number }> = {
    retrieve: {
      url: `${server.url}/v1/services/${service}/jobs/${job.id}`,
      headers: server.headers,
      pid: server.pid,
    },
    constant: { url: `${bare.url}/constant`, headers: {}, pid: bare.pid },
    row: { url: `${bare.url}/row/${job.id}`, headers: {}, pid: bare.pid },
    list: { url: `${server.url}/v1/services/${service}/jobs`, headers: server.headers, pid: server.pid },
    page: { url: `${bare.url}/page/${service}`, headers: {}, pid: bare.pid },
  };
  const rates = new Map<string, number[]>();
  const p99s = new Map<string, number[]>();
  const cpus = new Map<string, number[]>();
  try {
    // As with creates: the first second of a process is that of its compiler.
    for (const { url, headers, pid } of Object.values(sides)) {
      await load({ pid, url, headers, connections: CONNECTIONS, seconds: 1 });
    }
    for (let round = 0; round < Math.min(bench.rounds, 5); round += 1) {
      for (const [name, { url, headers, pid }] of Object.entries(sides)) {
        const found = await load({
          pid,
          url,
          headers,
          connections: CONNECTIONS,
          seconds: bench.quick ? 1 : 3,
        });
        rates.set(name, [...(rates.get(name) ?? []), found.perSecond]);
        cpus.set(name, [...(cpus.get(name) ?? []), found.cpuUs]);
        p99s.set(name, [...(p99s.get(name) ?? []), found.p99Ms]);
      }
      bench.say(
        `reads: round ${round + 1}: ${[...rates].map(([name, all]) => `${name} ${figure(median(all))}`).join(', ')}`,
      );
    }
  } finally {
    await bare.close();
    await server.close();
  }
  const rate = (name: string): number => median(rates.get(name)!);
  const ratio = (name: string, against: string): number => pairedRatio(rates.get(name)!, rates.get(against)!);
  const row = (title: string, name: string, against: string): string[] => [
    title,
    figure(rate(name)),
    figure(median(p99s.get(name)!)),
    figure(median(cpus.get(name)!)),
    against === '' ? '-' : figure(ratio(against, name)),
  ];
  return {
    title: `Reads per second, ${CONNECTIONS} connections`,
    targets: [
      atLeast(
        'retrieve, as a share of a bare Fastify GET that reads the same row',
        0.5,
        ratio('retrieve', 'row'),
        '',
      ),
      atLeast(
        'retrieve, as a share of a bare Fastify GET that answers a constant',
        0.5,
        ratio('retrieve', 'constant'),
        '',
      ),
    ],
    tables: [
      {
        columns: ['', 'per second', 'p99, ms', 'CPU, µs each', 'Errand ÷ it'],
        rows: [
          row('Errand: retrieve a job', 'retrieve', ''),
          row('bare Fastify: the same row', 'row', 'retrieve'),
          row('bare Fastify: a constant', 'constant', 'retrieve'),
          row('Errand: list 20 jobs', 'list', ''),
          row('bare Fastify: the same 20 rows', 'page', 'list'),
        ],
      },
    ],
    notes: [
      'Errand checks the key, its role, its rate, the path and the query, and reads committed rows. The bare server does none of that: a prepared statement and JSON. Both are warmed up by a second of each request. Server and client share the cores, on both sides; the CPU is the server process’s alone.',
    ],
  };
}
