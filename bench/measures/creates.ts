/** Durable creates per second, of jobs that only wait in the queue. */
import { type LoadResult, load } from '../load.ts';
import { atLeast, type Bench, type Measure, type Section } from '../measure.ts';
import { BareServer } from '../peers/bare-server.ts';
import { BenchServer } from '../server.ts';
import { figure, median, pairedRatio } from '../statistics.ts';

const CONNECTIONS = [1, 8, 64] as const;

export const creates: Measure = { name: 'creates', run };

async function run(bench: Bench): Promise<Section> {
  let service = '';
  const server = await BenchServer.start(
    `${bench.folder}/creates`,
    async (database, self) => {
      service = await self.addService(database);
    },
    { flags: ['--max-jobs', '1'] },
  );
  // It holds the only place, so that every later job stays in the queue.
  await server.create(service, 'sleep 100000');
  const bare = await BareServer.start(`${bench.folder}/creates-bare`, server, service);
  const body = { startCommand: 'echo hi' };
  const sides = {
    errand: { url: `${server.url}/v1/services/${service}/jobs`, headers: server.headers, pid: server.pid },
    sameRows: { url: `${bare.url}/same-rows`, headers: {}, pid: bare.pid },
    oneRow: { url: `${bare.url}/one-row`, headers: {}, pid: bare.pid },
  };
  const seconds = bench.quick ? 1 : 3;
  const found = new Map<string, LoadResult[]>();
  try {
    for (const { url, headers, pid } of Object.values(sides)) {
      await load({ pid, url, headers, body, method: 'POST', connections: 8, seconds: 1 });
    }
    for (let round = 0; round < Math.min(bench.rounds, 4); round += 1) {
      for (const connections of CONNECTIONS) {
        for (const [name, { url, headers, pid }] of Object.entries(sides)) {
          const result = await load({ pid, url, headers, body, method: 'POST', connections, seconds });
          const key = `${name} ${connections}`;
          found.set(key, [...(found.get(key) ?? []), result]);
        }
      }
      bench.say(`creates: round ${round + 1}: ${summary(found)}`);
    }
  } finally {
    await bare.close();
    await server.close();
  }
  return section(found, seconds);
}

const summary = (found: Map<string, LoadResult[]>): string =>
  [...found].map(([key, all]) => `${key}: ${figure(median(all.map((one) => one.perSecond)))}`).join(', ');

function section(found: Map<string, LoadResult[]>, seconds: number): Section {
  const of = (name: string, connections: number, field: keyof LoadResult): number =>
    median(found.get(`${name} ${connections}`)!.map((one) => one[field]));
  const rate = (name: string, connections: number): number => of(name, connections, 'perSecond');
  const rates = (name: string, connections: number): number[] =>
    found.get(`${name} ${connections}`)!.map(({ perSecond }) => perSecond);
  const ratio = (name: string, connections: number): number =>
    pairedRatio(rates('errand', connections), rates(name, connections));
  return {
    title: 'Durable creates per second (the queue alone)',
    targets: CONNECTIONS.map((connections) =>
      atLeast(
        `durable creates at ${connections} connection${connections === 1 ? '' : 's'}, as a share of a bare Fastify that commits the same rows`,
        0.5,
        ratio('sameRows', connections),
        '',
      ),
    ),
    tables: [
      {
        columns: [
          'connections',
          'Errand',
          'p50, ms',
          'p99, ms',
          'CPU, µs each',
          'bare Fastify, same rows',
          'CPU, µs each',
          'Errand ÷ it',
          'bare Fastify, one row of 500 bytes',
          'Errand ÷ it',
        ],
        rows: CONNECTIONS.map((connections) => [
          String(connections),
          figure(rate('errand', connections)),
          figure(of('errand', connections, 'p50Ms')),
          figure(of('errand', connections, 'p99Ms')),
          figure(of('errand', connections, 'cpuUs')),
          figure(rate('sameRows', connections)),
          figure(of('sameRows', connections, 'cpuUs')),
          figure(ratio('sameRows', connections)),
          figure(rate('oneRow', connections)),
          figure(ratio('oneRow', connections)),
        ]),
      },
    ],
    notes: [
      `Each side for ${seconds} s per round; ratios are medians of each round’s ratio. The bare server inserts the very rows that a create adds (job, transition, audit entry and what else there is), with prepared statements into a copy of the same database, WAL, synchronous=FULL, one transaction per turn of the event loop; the CPU is the server process’s alone, client and kernel writers not counted; it checks no key, validates nothing and reads nothing. The second one inserts one row of 500 bytes into a table without further indexes.`,
    ],
  };
}
