/** Runs of cron jobs. Of one service at most one is started and at most one waits: unique indexes see to it. */
import type { Queries } from '../open.ts';
import type { CronRunsTable } from '../schema.ts';

export async function insertCronRun(trx: Queries, run: CronRunsTable): Promise<void> {
  await trx.insertInto('cron_runs').values(run).execute();
}

export async function findCronRun(queries: Queries, id: string): Promise<CronRunsTable | undefined> {
  return queries.selectFrom('cron_runs').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The runs of a service that are not over, oldest first: two at most. */
export async function openCronRuns(queries: Queries, serviceId: string): Promise<CronRunsTable[]> {
  return queries
    .selectFrom('cron_runs')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where('state', 'in', ['waiting', 'started'])
    .orderBy('created_at')
    .execute();
}

export async function findCronRunOfJob(queries: Queries, jobId: string): Promise<CronRunsTable | undefined> {
  return queries.selectFrom('cron_runs').selectAll().where('job_id', '=', jobId).executeTakeFirst();
}

export async function updateCronRun(
  trx: Queries,
  id: string,
  changes: Partial<Omit<CronRunsTable, 'id' | 'workspace_id' | 'service_id'>>,
): Promise<CronRunsTable> {
  return trx
    .updateTable('cron_runs')
    .set(changes)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** All runs that wait for the end of the one before. */
export async function waitingCronRuns(queries: Queries): Promise<CronRunsTable[]> {
  return queries.selectFrom('cron_runs').selectAll().where('state', '=', 'waiting').execute();
}

/** Services whose waiting run can start, because none of theirs is under way. */
export async function servicesWithStartableRuns(queries: Queries, limit: number): Promise<string[]> {
  const rows = await queries
    .selectFrom('cron_runs')
    .select('service_id')
    .where('state', '=', 'waiting')
    .where(
      'service_id',
      'not in',
      queries.selectFrom('cron_runs').select('service_id').where('state', '=', 'started'),
    )
    .orderBy('created_at')
    .limit(limit)
    .execute();
  return rows.map((row) => row.service_id);
}
