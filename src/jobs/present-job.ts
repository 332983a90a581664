/** A job as the API shows it. What is not set is not there. */
import type { JobsTable } from '../db/schema.ts';
import { type JobStatus, publicStatus } from '../lifecycle/job.ts';
import { MAX_TIMEOUT_SECONDS } from './create-job.ts';
import type { Reason } from './end-cause.ts';

export interface PresentedJob {
  id: string;
  serviceId: string;
  startCommand: string;
  planId: string;
  status: JobStatus;
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
  exitCode?: number;
  signal?: string;
  reason?: Reason;
  timeoutSeconds?: number;
}

export function presentJob(job: JobsTable): PresentedJob {
  return {
    id: job.id,
    serviceId: job.service_id,
    startCommand: job.start_command,
    planId: job.plan_id,
    status: publicStatus(job.phase),
    createdAt: job.created_at,
    ...(job.started_at ? { startedAt: job.started_at } : {}),
    ...(job.finished_at ? { finishedAt: job.finished_at } : {}),
    ...(job.exit_code === null ? {} : { exitCode: job.exit_code }),
    ...(job.signal ? { signal: job.signal } : {}),
    ...(job.reason ? { reason: JSON.parse(job.reason) as Reason } : {}),
    ...(job.timeout_seconds === MAX_TIMEOUT_SECONDS ? {} : { timeoutSeconds: job.timeout_seconds }),
  };
}
