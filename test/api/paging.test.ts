import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/shared/ids.ts';
import { startApi, type TestApi } from '../support/api.ts';

const COUNT = 2500;
let api: TestApi;
let ids: string[];

beforeAll(async () => {
  api = await startApi();
  ids = await storeJobs(COUNT);
});
afterAll(async () => api.close());

/** Final jobs, stored as the server stores them, without running any. */
async function storeJobs(count: number): Promise<string[]> {
  const { database, clock } = api.server.running.context;
  const one = await api.server.run(api.serviceId, 'true');
  const template = await database.read
    .selectFrom('jobs')
    .selectAll()
    .where('id', '=', one.id)
    .executeTakeFirstOrThrow();
  const made: string[] = [one.id];
  await database.write(async (trx) => {
    for (let at = 1; at < count; at += 1) {
      const id = newId('job');
      const now = clock.now();
      const phase = at % 5 === 0 ? ('canceled' as const) : template.phase;
      await trx
        .insertInto('jobs')
        .values({ ...template, id, phase, created_at: now, finished_at: now, updated_at: now })
        .execute();
      made.push(id);
    }
  });
  return made;
}

interface Walk {
  ids: string[];
  pageSizes: number[];
}

/** Every page from the first to the last. @param between runs after each page */
async function walk(
  query: Record<string, unknown>,
  between: () => Promise<unknown> = async () => {},
): Promise<Walk> {
  const seen: Walk = { ids: [], pageSizes: [] };
  for (let cursor: string | undefined; ; ) {
    const page = await api.viewer.ok('list-job', {
      params: { serviceId: api.serviceId },
      query: { ...query, ...(cursor === undefined ? {} : { cursor }) },
    });
    seen.ids.push(...page.map(({ job }) => job.id));
    seen.pageSizes.push(page.length);
    cursor = page.at(-1)?.cursor;
    if (cursor === undefined) return seen;
    await between();
  }
}

describe('2,500 jobs walked with limit=100', () => {
  test('come once each, newest first, while new ones arrive, and no page is short before the end', async () => {
    const { ids: seen, pageSizes } = await walk({ limit: 100 }, () =>
      api.developer.ok('post-job', { params: { serviceId: api.serviceId }, body: { startCommand: 'true' } }),
    );
    expect(seen).toEqual([...ids].reverse());
    expect(pageSizes).toEqual([...Array<number>(COUNT / 100).fill(100), 0]);
  });

  test('are found by filters, comma-joined and repeated alike', async () => {
    const wanted = [...ids].reverse().filter((id) => ids.indexOf(id) > 0 && ids.indexOf(id) % 5 === 0);
    expect((await walk({ limit: 100, status: ['canceled'] })).ids).toEqual(wanted);
    const path = `/v1/services/${api.serviceId}/jobs`;
    const [joined, repeated] = [
      await api.viewer.request({ method: 'GET', path: `${path}?limit=100&status=canceled,failed` }),
      await api.viewer.request({ method: 'GET', path: `${path}?limit=100&status=canceled&status=failed` }),
    ];
    expect(joined.body).toEqual(repeated.body);
    expect(joined.body).toHaveLength(100);
  });

  test('a limit above 100 counts as 100; 20 is given without one', async () => {
    const page = (query: object) =>
      api.viewer.ok('list-job', { params: { serviceId: api.serviceId }, query });
    expect(await page({ limit: 1000 })).toHaveLength(100);
    expect(await page({})).toHaveLength(20);
  });
});
