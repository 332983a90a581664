/** Every combination of filters gives exactly the page that filtering all jobs one by one would give. */
import fc from 'fast-check';
import { Kysely, SqliteDialect } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { type JobFilter, listJobs } from '../../src/db/queries/job-pages.ts';
import { cover } from '../../src/db/queries/job-search.ts';
import type { JobsTable, Schema } from '../../src/db/schema.ts';
import { NodeSqlite } from '../../src/db/sqlite-driver.ts';
import { type JobPhase, PHASES } from '../../src/lifecycle/job.ts';
import { formatMicros, parseMicros } from '../../src/shared/clock.ts';
import { job } from '../support/job-row.ts';

let database: NodeSqlite;
let queries: Kysely<Schema>;

beforeAll(async () => {
  database = new NodeSqlite(':memory:');
  await migrate(database);
  database.raw.exec('PRAGMA foreign_keys = OFF');
  queries = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
});
afterAll(() => database.close());

/** Around the end of a month, so that runs and bounds cross units of every size. */
const ORIGIN = parseMicros('2026-01-31T23:58:30Z');
const SECOND = 1_000_000;
const steps = [0, 1, SECOND, 60 * SECOND, 3600 * SECOND, 24 * 3600 * SECOND, 31 * 24 * 3600 * SECOND];
/** A time that is likely to be another's neighbour, or the same. */
const duration = fc
  .array(fc.tuple(fc.constantFrom(...steps), fc.integer({ min: 0, max: 3 })), { maxLength: 2 })
  .map((parts) => parts.reduce((sum, [step, times]) => sum + step * times, 0));
const instant = fc
  .tuple(duration, fc.constantFrom(-1, 1))
  .map(([micros, sign]) => formatMicros(ORIGIN + sign * micros));

const jobs = fc.array(
  fc.record({
    created: instant,
    wait: duration,
    run: duration,
    phase: fc.constantFrom<JobPhase>(...PHASES),
    ran: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

const filters = fc.record(
  {
    phases: fc.array(fc.constantFrom<JobPhase>(...PHASES), { minLength: 1, maxLength: 4 }),
    createdBefore: instant,
    createdAfter: instant,
    startedBefore: instant,
    startedAfter: instant,
    finishedBefore: instant,
    finishedAfter: instant,
  },
  { requiredKeys: [] },
);

/** What the table and the verbs that write it allow. */
function row(
  index: number,
  {
    created,
    wait,
    run,
    phase,
    ran,
  }: { created: string; wait: number; run: number; phase: JobPhase; ran: boolean },
): JobsTable {
  const isFinal = ['succeeded', 'failed', 'canceled'].includes(phase);
  const hasStart = ['running', 'stopping', 'succeeded'].includes(phase) || (isFinal && ran);
  const startedUs = parseMicros(created) + wait;
  return job({
    id: `job-${String((index * 37) % 101).padStart(3, '0')}`,
    phase,
    created_at: created,
    started_at: hasStart ? formatMicros(startedUs) : null,
    finished_at: isFinal ? formatMicros(startedUs + run) : null,
  });
}

/** One by one. */
function expected(all: JobsTable[], filter: JobFilter): JobsTable[] {
  const within = (at: string | null, before?: string, after?: string): boolean =>
    (before === undefined || (at !== null && at < before)) &&
    (after === undefined || (at !== null && at > after));
  return all
    .filter(
      (one) =>
        (!filter.phases || filter.phases.includes(one.phase)) &&
        within(one.created_at, filter.createdBefore, filter.createdAfter) &&
        within(one.started_at, filter.startedBefore, filter.startedAfter) &&
        within(one.finished_at, filter.finishedBefore, filter.finishedAfter),
    )
    .sort((a, b) => (`${a.created_at} ${a.id}` < `${b.created_at} ${b.id}` ? 1 : -1));
}

async function store(all: JobsTable[]): Promise<void> {
  await queries.deleteFrom('jobs').execute();
  // Of another service: never to be seen.
  const others = all.map((one) => ({ ...one, id: `${one.id}-other`, service_id: 'srv-other' }));
  await queries
    .insertInto('jobs')
    .values([...all, ...others])
    .execute();
}

const ids = (list: JobsTable[]): string[] => list.map(({ id }) => id);

describe('pages of jobs', () => {
  // The budget decides which of the ways to a page are tried: all, or the search for everything.
  test.each([
    ['few rows are read at each try', 3],
    ['the search has to find everything', 1],
    ['the first tries suffice', 1000],
  ])(
    'are what filtering one by one gives, page after page, when %s',
    async (_when, budget) => {
      await fc.assert(
        fc.asyncProperty(
          jobs,
          fc.array(filters, { minLength: 1, maxLength: 6 }),
          fc.integer({ min: 1, max: 7 }),
          async (given, asked, limit) => {
            const all = given.map((one, index) => row(index, one));
            await store(all);
            for (const filter of asked) {
              const found: string[] = [];
              for (let after: { createdAt: string; id: string } | undefined; ; ) {
                const page = await listJobs(queries, 'srv-x', filter, limit, after, budget);
                found.push(...ids(page));
                const last = page.at(-1);
                if (!last || page.length < limit) break;
                after = { createdAt: last.created_at, id: last.id };
              }
              expect(found, JSON.stringify(filter)).toEqual(ids(expected(all, filter)));
            }
          },
        ),
        { numRuns: 300 },
      );
    },
    120_000,
  );
});

describe('the units that cover a range', () => {
  test('follow each other without a gap, the latest first, and are few', () => {
    const far = fc.tuple(instant, fc.integer({ min: 1, max: 700 * 24 * 3600 })).map(([from, seconds]) => ({
      from,
      to: formatMicros(parseMicros(from) + seconds * SECOND + 7),
    }));
    fc.assert(
      fc.property(far, ({ from, to }) => {
        const pieces = [...cover(from, to)];
        expect(pieces[0]!.to).toBe(to);
        expect(pieces.at(-1)!.from).toBe(from);
        for (const [index, piece] of pieces.slice(1).entries()) expect(piece.to).toBe(pieces[index]!.from);
        for (const { unit, from: first, to: end } of pieces) {
          if (unit === undefined) continue;
          expect(first.startsWith(unit)).toBe(true);
          // The unit's texts begin alike up to its end, and no longer.
          expect(formatMicros(parseMicros(end) - 1).startsWith(unit)).toBe(true);
          expect(formatMicros(parseMicros(first) - 1).startsWith(unit)).toBe(false);
          expect(end.startsWith(unit)).toBe(false);
        }
        expect(pieces.length).toBeLessThan(2 * (60 + 24 + 31) + 24);
      }),
    );
  });
});
