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
  statusReason?: string;
  queuePlace?: number;
}

export function presentJob(job: JobsTable): PresentedJob {
  const shown: PresentedJob = {
    id: job.id,
    serviceId: job.service_id,
    startCommand: job.start_command,
    planId: job.plan_id,
    status: publicStatus(job.phase),
    createdAt: job.created_at,
  };
  if (job.started_at) shown.startedAt = job.started_at;
  if (job.finished_at) shown.finishedAt = job.finished_at;
  if (job.exit_code !== null) shown.exitCode = job.exit_code;
  if (job.signal) shown.signal = job.signal;
  // Known before the end where that was brought about, and shown with it.
  if (job.reason && job.finished_at) shown.reason = JSON.parse(job.reason) as Reason;
  if (job.timeout_seconds !== MAX_TIMEOUT_SECONDS) shown.timeoutSeconds = job.timeout_seconds;
  return shown;
}
