/** Lists and filters over more and more jobs of one service: what a page costs must not grow with the table. */
import { atMost, type Bench, type Measure, type Section } from '../measure.ts';
import { databaseFile, instant, type Span, seedJobs } from '../seed-jobs.ts';
import { BenchServer } from '../server.ts';
import { figure, median, percentile } from '../statistics.ts';

const DAY_US = 24 * 3600 * 1_000_000;
/** Time for one kind of request, per round and size: slow ones are measured on fewer requests. */
const BUDGET_MS = 4000;
/** Requests that are not counted: each kind's first ones prepare its statements and warm its code. */
const UNCOUNTED = 20;

/** @param random from 0 to 1 */
type Query = (span: Span, random: number) => string;
const instantOf = ({ fromUs, toUs }: Span, share: number): number => fromUs + (toUs - fromUs) * share;
const at = (span: Span, share: number): string => instant(instantOf(span, share));
const around =
  (name: string): Query =>
  (span, random) => {
    const us = instantOf(span, random);
    return `${name}After=${instant(us)}&${name}Before=${instant(us + DAY_US)}`;
  };

const QUERIES: Record<string, Query> = {
  'first page': () => '',
  'first page of 100': () => 'limit=100',
  'page after a cursor': () => 'CURSOR',
  'status=succeeded': () => 'status=succeeded',
  'status=failed (2%)': () => 'status=failed',
  'status=canceled (1%)': () => 'status=canceled',
  'status=running (none)': () => 'status=running',
  'status=failed or canceled': () => 'status=failed&status=canceled',
  createdBefore: (span, random) => `createdBefore=${at(span, random)}`,
  createdAfter: (span, random) => `createdAfter=${at(span, random)}`,
  'created within a day': around('created'),
  startedBefore: (span, random) => `startedBefore=${at(span, random)}`,
  startedAfter: (span, random) => `startedAfter=${at(span, random)}`,
  'started within a day': around('started'),
  finishedBefore: (span, random) => `finishedBefore=${at(span, random)}`,
  finishedAfter: (span, random) => `finishedAfter=${at(span, random)}`,
  'finished within a day': around('finished'),
  'status=failed, created before': (span, random) => `status=failed&createdBefore=${at(span, random)}`,
  'status=failed, finished within a day': (span, random) =>
    `status=failed&${around('finished')(span, random)}`,
  'finishedAfter the last': (span) => `finishedAfter=${at(span, 1.1)}`,
  'status=canceled, finishedAfter the first': (span) => `status=canceled&finishedAfter=${at(span, 0)}`,
  'startedBefore the first': (span) => `startedBefore=${at(span, 0)}`,
  'status=failed, what ran at an instant': (span, random) =>
    `status=failed&startedBefore=${at(span, random)}&finishedAfter=${at(span, random)}`,
  'started and finished within a day': (span, random) =>
    `${around('started')(span, random)}&finishedBefore=${instant(instantOf(span, random) + DAY_US)}`,
  'last page of startedAfter': (span, random) =>
    `startedAfter=${at(span, random)}&createdBefore=${at(span, random)}`,
  'status=running, startedBefore': (span, random) => `status=running&startedBefore=${at(span, random)}`,
};

interface Side {
  count: number;
  server: BenchServer;
  service: string;
  span: Span;
  cursors: string[];
  /** Milliseconds from create to final of a short job among so many. */
  runs: number[];
}

export const lists: Measure = { name: 'lists', run };

async function run(bench: Bench): Promise<Section> {
  const counts = bench.quick ? [1000, 100_000] : [1000, 100_000, 1_000_000];
  const sides: Side[] = [];
  const p50s = new Map<string, number[]>();
  const p99s = new Map<string, number[]>();
  try {
    for (const count of counts) {
      sides.push(await openSide(bench, count));
      bench.say(`lists: ${count} jobs are there`);
    }
    const rounds = Math.min(bench.rounds, bench.quick ? 1 : 3);
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, query] of Object.entries(QUERIES)) {
        const times = await timesOf(sides, query, bench.quick ? 200 : 1000);
        for (const [index, { count }] of sides.entries()) {
          const key = `${name} ${count}`;
          p50s.set(key, [...(p50s.get(key) ?? []), median(times[index]!)]);
          p99s.set(key, [...(p99s.get(key) ?? []), percentile(times[index]!, 0.99)]);
        }
      }
      for (const side of sides) {
        for (let each = 0; each < (bench.quick ? 5 : 15); each += 1) {
          side.runs.push((await side.server.run(side.service, 'true')).finalMs);
        }
      }
      bench.say(`lists: round ${round + 1} is done`);
    }
  } finally {
    for (const { server } of sides) await server.close();
  }
  return section(
    counts,
    p50s,
    p99s,
    sides.map(({ runs }) => runs),
  );
}

async function openSide(bench: Bench, count: number): Promise<Side> {
  let service = '';
  const server = await BenchServer.start(`${bench.folder}/lists-${count}`, async (database, self) => {
    service = await self.addService(database);
  });
  await server.run(service, 'true');
  await server.stop();
  const span = seedJobs(databaseFile(server.dataDir), service, count);
  await server.launch();
  const cursors: string[] = [];
  // From everywhere in the list: pages that begin at random instants give their last item's cursor.
  for (let index = 1; index < 50; index += 1) {
    const page = await server.client.json<{ cursor: string }[]>(
      'GET',
      `/services/${service}/jobs?createdBefore=${at(span, index / 50)}&limit=1`,
    );
    if (page[0]) cursors.push(page[0].cursor);
  }
  return { count, server, service, span, cursors, runs: [] };
}

/**
 * Times of the same requests at each size. The sizes take turns request by request, and each turn begins with another
 * size, so that all share the machine's noise and none always follows the same other.
 */
async function timesOf(sides: Side[], query: Query, most: number): Promise<number[][]> {
  const times: number[][] = sides.map(() => []);
  const deadline = performance.now() + BUDGET_MS * sides.length;
  let state = 12_345;
  for (let each = 0; each < UNCOUNTED + most; each += 1) {
    if (each >= UNCOUNTED + 5 && performance.now() > deadline) break;
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    const random = 0.02 + 0.96 * (state / 2 ** 31);
    for (let turn = 0; turn < sides.length; turn += 1) {
      const index = (each + turn) % sides.length;
      const side = sides[index]!;
      const text = query(side.span, random).replace('CURSOR', () => cursorOf(side, random));
      const startedMs = performance.now();
      await side.server.client.json('GET', `/services/${side.service}/jobs?${text}`);
      if (each >= UNCOUNTED) times[index]!.push(performance.now() - startedMs);
    }
  }
  return times;
}

function cursorOf({ cursors }: Side, random: number): string {
  return `cursor=${encodeURIComponent(cursors[Math.floor(random * cursors.length)]!)}`;
}

function section(
  counts: number[],
  p50s: Map<string, number[]>,
  p99s: Map<string, number[]>,
  runs: number[][],
): Section {
  const least = counts[0]!;
  const most = counts.at(-1)!;
  const p99 = (name: string, count: number): number => median(p99s.get(`${name} ${count}`)!);
  const p50 = (name: string, count: number): number => median(p50s.get(`${name} ${count}`)!);
  const growth = (name: string): number => p99(name, most) / p99(name, least);
  const names = Object.keys(QUERIES);
  const worst = names.reduce((one, other) => (growth(other) > growth(one) ? other : one));
  const over = names.filter((name) => growth(name) > 2);
  const size = (count: number): string => count.toLocaleString('en-US');
  const target = atMost(
    `lists and filters: p99 at ${size(most)} jobs as a multiple of that at ${size(least)}; the worst is "${worst}"`,
    2,
    growth(worst),
    '×',
  );
  return {
    title: 'Lists and filters of one service’s jobs',
    targets: [
      { ...target, found: `${target.found} (${names.length - over.length} of ${names.length} hold)` },
    ],
    tables: [
      {
        columns: [
          'request',
          ...counts.flatMap((count) => [`${size(count)}: p50, ms`, 'p99']),
          `p50 ÷ that at ${size(least)}`,
          `p99 ÷ that at ${size(least)}`,
        ],
        rows: names.map((name) => [
          name,
          ...counts.flatMap((count) => [figure(p50(name, count)), figure(p99(name, count))]),
          figure(p50(name, most) / p50(name, least)),
          figure(growth(name)),
        ]),
      },
      {
        columns: ['a short job among so many', 'n', 'create to final of `true`, ms'],
        rows: counts.map((count, index) => [
          size(count),
          String(runs[index]!.length),
          figure(median(runs[index]!)),
        ]),
      },
    ],
    notes: [
      'One request at a time over HTTP, the sizes in turn, pages of 20 unless the request says otherwise, instants at random over the year that the jobs span. Medians over rounds of each round’s p50 and p99.',
    ],
  };
}
