/**
 * Jobs. `transitionJob` is the only function of the project that writes a job's phase after its creation: one guarded
 * UPDATE with the phases from which the event is allowed, and the transition's own row in the same transaction.
 */
import { sql } from 'kysely';
import { type JobEvent, type JobPhase, sources, TERMINAL, TRANSITIONS } from '../../lifecycle/job.ts';
import type { Queries } from '../open.ts';
import { type Prepared, prepared } from '../prepared.ts';
import type { JobsTable, JobTransitionsTable, SnapshotsTable } from '../schema.ts';
import { UNFINISHED_JOBS } from './conditions.ts';

/** Facts that a transition may store; the phase comes from the table of transitions alone. */
export type TransitionFacts = Partial<
  Pick<
    JobsTable,
    | 'end_cause'
    | 'exit_code'
    | 'signal'
    | 'reason'
    | 'boot_id'
    | 'deadline_monotonic_ms'
    | 'stop_monotonic_ms'
    | 'started_at'
    | 'finished_at'
  >
>;

export type TransitionResult =
  | { outcome: 'applied'; job: JobsTable }
  /** The job is in a phase from which the event is not allowed; nothing was changed. */
  | { outcome: 'refused'; job: JobsTable }
  | { outcome: 'missing' };

type Transition = TransitionFacts & { id: string; at: string };

/** By event and stored facts: there are a dozen in all. */
const transitions = new Map<string, Prepared<Transition, JobsTable>>();

function transitionBy(event: JobEvent, facts: TransitionFacts): Prepared<Transition, JobsTable> {
  const shape = `${event} ${Object.keys(facts)}`;
  let query = transitions.get(shape);
  if (!query) {
    const from = sources(event);
    const to = TRANSITIONS[from[0]!][event]!;
    query = prepared((queries, { id, at, ...values }) =>
      queries
        .updateTable('jobs')
        .set({ ...values, phase: to, updated_at: at })
        .where('id', '=', id)
        .where('phase', 'in', from)
        .returningAll(),
    );
    transitions.set(shape, query);
  }
  return query;
}

const insertTransition = prepared((queries, row: JobTransitionsTable) =>
  queries.insertInto('job_transitions').values(row),
);

/** Applies an event to a job. @param at the instant of the event */
export async function transitionJob(
  queries: Queries,
  id: string,
  event: JobEvent,
  at: string,
  facts: TransitionFacts = {},
): Promise<TransitionResult> {
  const job = await transitionBy(event, facts).first(queries, { ...facts, id, at });
  if (!job) {
    const present = await findJobById(queries, id);
    return present ? { outcome: 'refused', job: present } : { outcome: 'missing' };
  }
  await insertTransition.run(queries, { job_id: id, event, to_phase: job.phase, at });
  return { outcome: 'applied', job };
}

/** Stores why a job that is being started has to end, unless a cause is stored already. The phase stays. */
export async function setEndCauseWhileStarting(
  queries: Queries,
  id: string,
  cause: 'cancel',
  at: string,
): Promise<void> {
  await queries
    .updateTable('jobs')
    .set({ end_cause: cause, updated_at: at })
    .where('id', '=', id)
    .where('phase', '=', 'starting')
    .where('end_cause', 'is', null)
    .execute();
}

const jobInsertion = prepared((queries, job: JobsTable) => queries.insertInto('jobs').values(job));

/** Stores a new job, whose snapshot is stored already. */
export async function insertJob(queries: Queries, job: JobsTable): Promise<void> {
  await jobInsertion.run(queries, job);
}

export async function insertSnapshot(queries: Queries, snapshot: SnapshotsTable): Promise<void> {
  await queries.insertInto('snapshots').values(snapshot).execute();
}

const snapshotById = prepared((queries, { id }: { id: string }) =>
  queries.selectFrom('snapshots').selectAll().where('id', '=', id),
);

export async function findSnapshot(queries: Queries, id: string): Promise<SnapshotsTable | undefined> {
  return snapshotById.first(queries, { id });
}

const jobById = prepared((queries, { id }: { id: string }) =>
  queries.selectFrom('jobs').selectAll().where('id', '=', id),
);

export async function findJobById(queries: Queries, id: string): Promise<JobsTable | undefined> {
  return jobById.first(queries, { id });
}

/** Which snapshot each of the jobs has, in no particular order. */
export async function snapshotIdsOf(
  queries: Queries,
  jobIds: readonly string[],
): Promise<Pick<JobsTable, 'id' | 'snapshot_id'>[]> {
  if (jobIds.length === 0) return [];
  return queries.selectFrom('jobs').select(['id', 'snapshot_id']).where('id', 'in', jobIds).execute();
}

/** A job of a workspace, optionally of one service of it. */
export async function findJobOf(
  queries: Queries,
  where: { workspaceId: string; jobId: string; serviceId?: string },
): Promise<JobsTable | undefined> {
  const job = await findJobById(queries, where.jobId);
  if (job?.workspace_id !== where.workspaceId) return undefined;
  return where.serviceId === undefined || job.service_id === where.serviceId ? job : undefined;
}

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

/**
 * A page of a service's jobs, newest first. Several phases are read as one page each, which an index serves in order,
 * and merged: a condition of the form `phase in (...)` would sort all jobs of those phases for each page.
 * @param after the last item of the page before
 */
export async function listJobs(
  queries: Queries,
  serviceId: string,
  filter: JobFilter,
  limit: number,
  after: { createdAt: string; id: string } | undefined,
): Promise<JobsTable[]> {
  const pages = await Promise.all(
    (filter.phases ?? [undefined]).map((phase) =>
      pageOfPhase(queries, serviceId, phase, filter, limit, after),
    ),
  );
  const newestFirst = (a: JobsTable, b: JobsTable): number =>
    a.created_at === b.created_at ? (a.id < b.id ? 1 : -1) : a.created_at < b.created_at ? 1 : -1;
  return pages.flat().sort(newestFirst).slice(0, limit);
}

/**
 * What ended or started after an instant was mostly created after it too. Those come first, from the index of creation;
 * only a page that they do not fill also asks for the few that were created before, by the index of the other instant.
 */
async function pageOfPhase(
  queries: Queries,
  serviceId: string,
  phase: JobPhase | undefined,
  filter: JobFilter,
  limit: number,
  after: { createdAt: string; id: string } | undefined,
): Promise<JobsTable[]> {
  const all = { serviceId, phase, filter, after };
  const since = filter.finishedAfter ?? filter.startedAfter;
  if (since === undefined) return selectPage(queries, all, limit);
  const younger = await selectPage(queries, { ...all, createdAfter: since }, limit);
  if (younger.length === limit) return younger;
  const older = await selectPage(queries, { ...all, notCreatedAfter: since }, limit - younger.length);
  return [...younger, ...older];
}

interface PageRequest {
  serviceId: string;
  phase: JobPhase | undefined;
  filter: JobFilter;
  after: { createdAt: string; id: string } | undefined;
  createdAfter?: string;
  notCreatedAfter?: string;
}

function selectPage(queries: Queries, request: PageRequest, limit: number): Promise<JobsTable[]> {
  const { serviceId, phase, filter, after, createdAfter, notCreatedAfter } = request;
  let query = queries.selectFrom('jobs').selectAll().where('service_id', '=', serviceId);
  if (phase) query = query.where('phase', '=', phase);
  const { earliest, latest } = createdBounds(filter);
  if (latest !== undefined) query = query.where('created_at', '<', latest);
  if (earliest !== undefined) query = query.where('created_at', '>', earliest);
  if (createdAfter !== undefined) query = query.where('created_at', '>', createdAfter);
  if (notCreatedAfter !== undefined)
    query = query.where(sql<boolean>`coalesce(created_at, '') <= ${notCreatedAfter}`);
  for (const [column, before, since] of [
    ['started_at', filter.startedBefore, filter.startedAfter],
    ['finished_at', filter.finishedBefore, filter.finishedAfter],
  ] as const) {
    // Written as an expression, a bound does not tempt the planner to another index and a sort.
    if (before !== undefined)
      query = query.where(sql<boolean>`coalesce(${sql.ref(column)}, '9') < ${before}`);
    if (since === undefined) continue;
    if (notCreatedAfter === since) query = query.where(column, '>', since);
    else query = query.where(sql<boolean>`coalesce(${sql.ref(column)}, '') > ${since}`);
  }
  if (after) query = query.where(sql<boolean>`(created_at, id) < (${after.createdAt}, ${after.id})`);
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

/** A job is created before it starts and ends, so bounds on those bound the creation, whose index gives the order. */
function createdBounds(filter: JobFilter): { earliest: string | undefined; latest: string | undefined } {
  const latest = [filter.createdBefore, filter.startedBefore, filter.finishedBefore].filter(
    (one) => one !== undefined,
  );
  return { earliest: filter.createdAfter, latest: latest.sort()[0] };
}

const oldestPending = prepared((queries, { limit }: { limit: number }) =>
  queries
    .selectFrom('jobs')
    .selectAll()
    .where(UNFINISHED_JOBS)
    .where('phase', '=', 'pending')
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit),
);

/** Jobs that wait, oldest first. */
export async function pendingJobs(queries: Queries, limit: number): Promise<JobsTable[]> {
  return oldestPending.all(queries, { limit });
}

/** Jobs that hold resources or may: everything between the intent to start and the end. */
export async function activeJobs(queries: Queries): Promise<JobsTable[]> {
  return queries
    .selectFrom('jobs')
    .selectAll()
    .where(UNFINISHED_JOBS)
    .where('phase', 'in', ['starting', 'running', 'stopping'])
    .orderBy('created_at')
    .execute();
}

/** Every job that is not final, oldest first. */
export async function unfinishedJobs(queries: Queries): Promise<JobsTable[]> {
  return queries
    .selectFrom('jobs')
    .selectAll()
    .where('phase', 'not in', [...TERMINAL])
    .orderBy('created_at')
    .execute();
}

/** Of the given ids those whose jobs are not final. */
export async function unfinishedAmong(queries: Queries, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await queries
    .selectFrom('jobs')
    .select('id')
    .where('id', 'in', ids)
    .where('phase', 'not in', [...TERMINAL])
    .execute();
  return rows.map(({ id }) => id);
}

/** How many unfinished jobs use an artifact: while there is one, the artifact stays. */
export async function countUnfinishedWithArtifact(queries: Queries, artifactId: string): Promise<number> {
  const row = await queries
    .selectFrom('jobs')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('artifact_id', '=', artifactId)
    .where(UNFINISHED_JOBS)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
