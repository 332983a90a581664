/**
 * Jobs. `transitionJob` is the only function of the project that writes a job's phase after its creation: one guarded
 * UPDATE with the phases from which the event is allowed, and the transition's own row in the same transaction.
 */
import { sql } from 'kysely';
import { type JobEvent, sources, TERMINAL, TRANSITIONS } from '../../lifecycle/job.ts';
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
    | 'engine'
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

const pendingBefore = prepared(
  (queries, { createdAt, id, limit }: { createdAt: string; id: string; limit: number }) =>
    queries
      .selectFrom((inner) =>
        inner
          .selectFrom('jobs')
          .select('id')
          .where(UNFINISHED_JOBS)
          .where('phase', '=', 'pending')
          .where((where) => where(where.refTuple('created_at', 'id'), '<', where.tuple(createdAt, id)))
          .limit(limit)
          .as('before'),
      )
      .select((select) => select.fn.countAll<number>().as('count')),
);

/** How many jobs wait before this one, up to `limit`. */
export async function countPendingBefore(
  queries: Queries,
  job: Pick<JobsTable, 'created_at' | 'id'>,
  limit: number,
): Promise<number> {
  const row = await pendingBefore.first(queries, { createdAt: job.created_at, id: job.id, limit });
  return Number(row?.count ?? 0);
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

/** Of the given ids those of jobs that another executor than this one started. */
export async function jobsOfOtherEngines(
  queries: Queries,
  ids: readonly string[],
  engine: string,
): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await queries
    .selectFrom('jobs')
    .select('id')
    .where('id', 'in', ids)
    .where('engine', '!=', engine)
    .execute();
  return rows.map(({ id }) => id);
}

/** The rowid of the last transition of any job: another one after each. */
export async function newestTransition(queries: Queries): Promise<string | undefined> {
  const { rows } = await sql<{
    newest: number | null;
  }>`select max(rowid) as newest from job_transitions`.execute(queries);
  return rows[0]?.newest === null ? undefined : String(rows[0]?.newest);
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
