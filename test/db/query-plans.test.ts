/**
 * The queries that run for every job, or page through all of them, must be served by an index: with millions of jobs a
 * scan or a sort would be felt by everyone. Judged by the plan, not by a time.
 */
import { Kysely, SqliteDialect } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { activeDeploysOf, nextQueuedDeploy } from '../../src/db/queries/deploys.ts';
import { activeJobs, type JobFilter, listJobs, pendingJobs } from '../../src/db/queries/jobs.ts';
import type { Schema } from '../../src/db/schema.ts';
import { NodeSqlite } from '../../src/db/sqlite-driver.ts';

let database: NodeSqlite;
let queries: Kysely<Schema>;
let seen: { sql: string; parameters: readonly unknown[] }[] = [];

beforeAll(async () => {
  database = new NodeSqlite(':memory:');
  await migrate(database);
  queries = new Kysely<Schema>({
    dialect: new SqliteDialect({ database }),
    log: ({ query }) => void seen.push(query),
  });
});
afterAll(() => database.close());

/** The steps of the plans of all queries that `work` runs. */
async function plan(work: () => Promise<unknown>): Promise<string[]> {
  seen = [];
  await work();
  return seen.flatMap(({ sql, parameters }) =>
    database.raw
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...(parameters as string[]))
      .map((row) => String(row['detail'])),
  );
}

describe('looking for work', () => {
  test.each([
    ['pending jobs', () => pendingJobs(queries, 10)],
    ['active jobs', () => activeJobs(queries)],
    ['the next deploy', () => nextQueuedDeploy(queries)],
    ['the active deploys of a service', () => activeDeploysOf(queries, 'srv-x')],
  ])('reads %s by an index', async (_what, work) => {
    const steps = await plan(work);
    expect(steps.join('\n')).toMatch(/USING (COVERING )?INDEX/);
    expect(steps.filter((step) => /^SCAN (jobs|deploys)$/.test(step))).toEqual([]);
  });
});

const T = '2026-06-01T00:00:00.000000Z';
const filters: [what: string, filter: JobFilter][] = [
  ['no filter', {}],
  ['one phase', { phases: ['failed'] }],
  ['several phases', { phases: ['pending', 'starting', 'failed'] }],
  ['createdBefore', { createdBefore: T }],
  ['createdAfter', { createdAfter: T }],
  ['startedBefore', { startedBefore: T }],
  ['finishedBefore', { finishedBefore: T }],
];

describe('a page of jobs', () => {
  test.each(filters)(
    'with %s comes from an index in its order, first page and next',
    async (_what, filter) => {
      for (const after of [undefined, { createdAt: T, id: 'job-x' }]) {
        const steps = await plan(() => listJobs(queries, 'srv-x', filter, 20, after));
        expect(steps).not.toEqual([]);
        for (const step of steps) expect(step).toMatch(/^SEARCH jobs USING INDEX jobs_by_service/);
      }
    },
  );

  test.each([
    ['started', { startedAfter: T }],
    ['finished', { finishedAfter: T }],
  ])(
    'with %sAfter comes from the index of creation, and what that lacks from its own',
    async (column, filter) => {
      const [younger, older] = await plan(() => listJobs(queries, 'srv-x', filter, 20, undefined));
      expect(younger).toMatch(/^SEARCH jobs USING INDEX jobs_by_service/);
      expect(older).toMatch(new RegExp(`^SEARCH jobs USING INDEX jobs_by_${column} `));
    },
  );
});
