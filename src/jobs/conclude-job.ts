/** Writes the end of a job inside a transaction: final phase, event and usage record together or not at all. */
import type { Queries } from '../db/open.ts';
import { insertEvent } from '../db/queries/events.ts';
import { transitionJob } from '../db/queries/jobs.ts';
import { insertUsage } from '../db/queries/usage.ts';
import type { JobsTable, UsageRecordsTable } from '../db/schema.ts';
import { publicStatus } from '../lifecycle/job.ts';
import { costMicroUsd } from '../services/plans.ts';
import { secondsBetween } from '../shared/clock.ts';
import type { Verdict } from './end-cause.ts';
import { endRunOfJob } from './end-cron-run.ts';

/**
 * @param job as read in this very transaction, not final
 * @param finishedAt not before its start
 */
export async function concludeJob(
  trx: Queries,
  job: JobsTable,
  verdict: Verdict,
  finishedAt: string,
): Promise<JobsTable> {
  const result = await transitionJob(trx, job.id, verdict.event, finishedAt, {
    end_cause: job.end_cause ?? verdict.cause,
    exit_code: verdict.exitCode ?? null,
    signal: verdict.signal ?? null,
    reason: verdict.reason ? JSON.stringify(verdict.reason) : null,
    finished_at: finishedAt,
  });
  // The phase was read in this very transaction: a refusal would be a hole in the table of transitions.
  if (result.outcome !== 'applied')
    throw new Error(`job ${job.id}: ${verdict.event} refused in ${job.phase}`);
  const isCronRun = job.service_id.startsWith('crn-') && (await endRunOfJob(trx, result.job));
  if (!isCronRun) await insertEndEvent(trx, result.job, verdict, finishedAt);
  if (job.started_at) await insertUsage(trx, usageRecord(job, job.started_at, finishedAt));
  return result.job;
}

async function insertEndEvent(trx: Queries, job: JobsTable, verdict: Verdict, at: string): Promise<void> {
  const status = publicStatus(job.phase);
  await insertEvent(trx, {
    workspaceId: job.workspace_id,
    serviceId: job.service_id,
    type: 'job_run_ended',
    details: { jobId: job.id, status, ...(verdict.reason ? { reason: verdict.reason } : {}) },
    at,
  });
}

function usageRecord(job: JobsTable, startedAt: string, finishedAt: string): UsageRecordsTable {
  // A begun second counts as a whole one, and every job that started as one at least.
  const seconds = Math.max(1, Math.ceil(secondsBetween(startedAt, finishedAt)));
  return {
    job_id: job.id,
    workspace_id: job.workspace_id,
    service_id: job.service_id,
    plan_id: job.plan_id,
    started_at: startedAt,
    finished_at: finishedAt,
    seconds,
    cost_micro_usd: costMicroUsd(job.plan_id, seconds),
  };
}
