/**
 * Pages of a service's jobs, newest first, for every combination of filters, at a cost that does not depend on how many
 * jobs there are. What is filtered by creation and phase alone is a stretch of an index. Bounds on start and end are
 * tried in three ways, each of which reads a bounded number of rows and either has the exact page or says so:
 *
 * 1. newest first, filtered: most pages are full after a few rows;
 * 2. whatever started, or ended, within the bounds, when that is little;
 * 3. a search through calendar units (`job-search.ts`), when much lies within the bounds and yet nothing of it is new:
 *    the last page of a long list, or bounds in a time when the queue was long.
 *
 * All three rely on what the table and the verbs that write it guarantee: jobs are created, start and end in that order,
 * final ones have an end, and those that wait have no start.
 */
import { type RawBuilder, type SelectQueryBuilder, sql } from 'kysely';
import { isTerminal, type JobPhase, TERMINAL } from '../../lifecycle/job.ts';
import type { Queries } from '../open.ts';
import type { JobsTable, Schema } from '../schema.ts';
import { earliest, type JobKey, keepNewest, latest, newestFirst, searchJobs } from './job-search.ts';

/** Instants that bound a list; `before` and `after` exclude the instant itself. */
export interface JobFilter {
  phases?: JobPhase[];
  createdBefore?: string;
  createdAfter?: string;
  startedBefore?: string;
  startedAfter?: string;
  finishedBefore?: string;
  finishedAfter?: string;
}

/** Rows beyond the page that each of the first two ways may read in vain, per phase. */
const ROWS_IN_VAIN = 80;

type Cursor = { createdAt: string; id: string } | undefined;
type JobsQuery = SelectQueryBuilder<Schema, 'jobs', Record<never, never>>;

/**
 * A page of a service's jobs, newest first.
 * @param after the last item of the page before
 * @param budget for tests alone: rows to read before the next way is tried
 */
export async function listJobs(
  queries: Queries,
  serviceId: string,
  filter: JobFilter,
  limit: number,
  after: Cursor,
  budget = limit + ROWS_IN_VAIN,
): Promise<JobsTable[]> {
  const list = new JobList(queries, serviceId, filter, limit, after, budget);
  const { startedBefore, startedAfter, finishedBefore, finishedAfter } = filter;
  if (!latest(startedBefore, startedAfter, finishedBefore, finishedAfter)) return list.inOrder();
  if (list.isImpossible()) return [];
  return (await list.amongNewest()) ?? (await list.whenFew()) ?? (await list.bySearch());
}

class JobList {
  readonly #queries: Queries;
  readonly #serviceId: string;
  readonly #filter: JobFilter;
  readonly #limit: number;
  readonly #after: Cursor;
  readonly #budget: number;
  /** Several are read as one page each, which an index serves in order: `phase in (...)` would sort all their jobs. */
  readonly #phases: (JobPhase | undefined)[];

  constructor(
    queries: Queries,
    serviceId: string,
    filter: JobFilter,
    limit: number,
    after: Cursor,
    budget: number,
  ) {
    this.#queries = queries;
    this.#serviceId = serviceId;
    this.#filter = filter;
    this.#limit = limit;
    this.#after = after;
    this.#budget = budget;
    this.#phases = filter.phases ? [...new Set(filter.phases)] : [undefined];
  }

  /** No phase that is asked for has the instants that are bounded. */
  isImpossible(): boolean {
    return this.#candidates().length === 0;
  }

  /** Without bounds on start and end. */
  async inOrder(): Promise<JobsTable[]> {
    const pages = await Promise.all(
      this.#phases.map((phase) => this.#newest(phase).selectAll().limit(this.#limit).execute()),
    );
    const { createdAfter = '' } = this.#filter;
    return this.#page(pages.flat().filter((job) => job.created_at > createdAfter));
  }

  /** The page, when the newest jobs of each phase fill it or are all. */
  async amongNewest(): Promise<JobsTable[] | undefined> {
    const pages = await Promise.all(this.#phases.map((phase) => this.#filteredNewest(phase)));
    const shortPhases = this.#phases.filter((_phase, index) => pages[index]!.length < this.#limit);
    const ends = await Promise.all(shortPhases.map((phase) => this.#endOfNewest(phase)));
    // Below this instant a phase may have more than what was read.
    const sure = latest(...ends) ?? '';
    const page = this.#page(pages.flat().filter((job) => job.created_at >= sure));
    return sure === '' || page.length === this.#limit ? page : undefined;
  }

  /** The page, when few jobs started, or ended, within the bounds. */
  async whenFew(): Promise<JobsTable[] | undefined> {
    const { startedBefore, startedAfter, finishedBefore, finishedAfter } = this.#filter;
    const mustStart = startedBefore !== undefined || startedAfter !== undefined;
    const mustEnd = finishedBefore !== undefined || finishedAfter !== undefined;
    return (
      (mustStart && (await this.#few('started_at', startedAfter, earliest(startedBefore, finishedBefore)))) ||
      (mustEnd && (await this.#few('finished_at', latest(startedAfter, finishedAfter), finishedBefore))) ||
      undefined
    );
  }

  async #few(
    column: 'started_at' | 'finished_at',
    since: string | undefined,
    before: string | undefined,
  ): Promise<JobsTable[] | undefined> {
    let within = this.#queries
      .selectFrom('jobs')
      .where('service_id', '=', this.#serviceId)
      .where('phase', 'in', this.#candidates())
      .where(column, 'is not', null);
    if (before !== undefined) within = within.where(column, '<', before);
    if (since !== undefined) within = within.where(column, '>', since);
    if (await within.select(column).offset(this.#budget).limit(1).executeTakeFirst()) return undefined;
    const all = this.#bounded(this.#createdBefore(within, sql`coalesce(created_at, '')`));
    return this.#page(await all.selectAll().execute());
  }

  /** The page, at the price of some hundred probes. */
  async bySearch(): Promise<JobsTable[]> {
    const keys: JobKey[] = [];
    for (const phase of this.#candidates()) {
      const search = { serviceId: this.#serviceId, phase, filter: this.#filter, after: this.#after };
      if (isTerminal(phase)) {
        await searchJobs(this.#queries, search, this.#limit, keys);
      } else {
        // Those that run are as many as the machine has room for.
        const running = this.#bounded(this.#newest(phase)).select(['created_at', 'id']).limit(this.#limit);
        keepNewest(keys, await running.execute(), this.#limit);
      }
    }
    if (keys.length === 0) return [];
    const ids = keys.map(({ id }) => id);
    return this.#page(await this.#queries.selectFrom('jobs').selectAll().where('id', 'in', ids).execute());
  }

  /** Phases in which a job may have the instants that are bounded. */
  #candidates(): JobPhase[] {
    const mustEnd = this.#filter.finishedBefore !== undefined || this.#filter.finishedAfter !== undefined;
    const possible: JobPhase[] = mustEnd ? [...TERMINAL] : ['running', 'stopping', ...TERMINAL];
    return possible.filter((phase) => this.#phases[0] === undefined || this.#phases.includes(phase));
  }

  /** Of the newest jobs of a phase, as many as the budget allows, those within all bounds. */
  #filteredNewest(phase: JobPhase | undefined): Promise<JobsTable[]> {
    const newest = this.#newest(phase).selectAll().limit(this.#budget).as('jobs');
    return this.#bounded(this.#queries.selectFrom(newest) as unknown as JobsQuery)
      .selectAll()
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(this.#limit)
      .execute();
  }

  /** When the last of them was created; empty when the phase has no more. */
  async #endOfNewest(phase: JobPhase | undefined): Promise<string> {
    const last = this.#newest(phase)
      .select('created_at')
      .offset(this.#budget - 1)
      .limit(1);
    const { created_at: end } = (await last.executeTakeFirst()) ?? { created_at: '' };
    return end > (this.#filter.createdAfter ?? '') ? end : '';
  }

  /** Jobs of a phase in the order of the list, from where it begins. */
  #newest(phase: JobPhase | undefined): JobsQuery {
    let query = this.#queries.selectFrom('jobs').where('service_id', '=', this.#serviceId);
    if (phase) query = query.where('phase', '=', phase);
    return this.#createdBefore(query, sql.ref('created_at'))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc');
  }

  /**
   * Where the list begins: after the last page, and before what bounds the creation; jobs are created before they start
   * and end. One bound, not a range: given both ends the planner takes an index that lacks the phase for a better one.
   */
  #createdBefore(query: JobsQuery, created: RawBuilder<unknown>): JobsQuery {
    const { createdBefore, startedBefore, finishedBefore } = this.#filter;
    const before = earliest(createdBefore, startedBefore, finishedBefore);
    if (this.#after && (before === undefined || this.#after.createdAt < before)) {
      return query.where(sql<boolean>`(${created}, id) < (${this.#after.createdAt}, ${this.#after.id})`);
    }
    return before === undefined ? query : query.where(sql<boolean>`${created} < ${before}`);
  }

  /** All other bounds, as expressions: they shall not tempt the planner to another index and a sort. */
  #bounded(query: JobsQuery): JobsQuery {
    const { createdAfter, startedBefore, startedAfter, finishedBefore, finishedAfter } = this.#filter;
    let within = query;
    for (const [column, before, since] of [
      ['created_at', undefined, createdAfter],
      ['started_at', startedBefore, startedAfter],
      ['finished_at', finishedBefore, finishedAfter],
    ] as const) {
      const instant = (absent: string) => sql`coalesce(${sql.ref(column)}, ${sql.lit(absent)})`;
      if (before !== undefined) within = within.where(sql<boolean>`${instant('9')} < ${before}`);
      if (since !== undefined) within = within.where(sql<boolean>`${instant('')} > ${since}`);
    }
    return within;
  }

  #page(jobs: JobsTable[]): JobsTable[] {
    return jobs.sort(newestFirst).slice(0, this.#limit);
  }
}
