import type { Queries } from '../db/open.ts';
import { findCronRunOfJob, updateCronRun } from '../db/queries/cron-runs.ts';
import { insertEvent } from '../db/queries/events.ts';
import type { CronRunsTable, JobsTable } from '../db/schema.ts';
import { type JobStatus, publicStatus } from '../lifecycle/job.ts';

const RUN_STATUSES: Record<JobStatus, CronRunsTable['status']> = {
  pending: 'pending',
  running: 'pending',
  succeeded: 'successful',
  failed: 'unsuccessful',
  canceled: 'canceled',
};

/**
 * Ends the run that a job carried out, in the transaction of the job's end.
 * @param job final
 * @returns whether the job carried out a run, whose event then tells of the end
 */
export async function endRunOfJob(trx: Queries, job: JobsTable): Promise<boolean> {
  const run = await findCronRunOfJob(trx, job.id);
  if (!run) return false;
  if (run.state === 'ended') return true;
  const end = { at: job.finished_at!, startedAt: job.started_at, reason: job.reason };
  await endCronRun(trx, run, RUN_STATUSES[publicStatus(job.phase)], end);
  return true;
}

/** Ends a run, with its event. @param end.reason JSON of why its job failed */
export async function endCronRun(
  trx: Queries,
  run: CronRunsTable,
  status: CronRunsTable['status'],
  end: { at: string; startedAt?: string | null; reason?: string | null },
): Promise<void> {
  await updateCronRun(trx, run.id, {
    state: 'ended',
    status,
    started_at: end.startedAt ?? null,
    finished_at: end.at,
  });
  await insertEvent(trx, {
    workspaceId: run.workspace_id,
    serviceId: run.service_id,
    type: 'cron_job_run_ended',
    details: { cronJobRunId: run.id, status, ...(end.reason ? { reason: JSON.parse(end.reason) } : {}) },
    at: end.at,
  });
}
