/** Reading jobs: one, a page of a service's, or one as soon as it is final. */
import type { Context } from '../context.ts';
import { type JobFilter, listJobs } from '../db/queries/job-pages.ts';
import { findJobOf } from '../db/queries/jobs.ts';
import { findServiceWithDeleted } from '../db/queries/services.ts';
import type { JobsTable } from '../db/schema.ts';
import { notFound } from '../errors.ts';
import { isTerminal, phasesOf } from '../lifecycle/job.ts';

/** @throws `notFound` when the workspace (or the service, where given) has no such job */
export async function getJob(
  context: Context,
  workspaceId: string,
  jobId: string,
  serviceId?: string,
): Promise<JobsTable> {
  const job = await findJobOf(context.database.read, {
    workspaceId,
    jobId,
    ...(serviceId ? { serviceId } : {}),
  });
  if (!job) throw notFound(jobId);
  return job;
}

/** A page of jobs, newest first, also of a deleted service. @throws `notFound` for the service */
export async function pageOfJobs(
  context: Context,
  workspaceId: string,
  serviceId: string,
  filter: JobFilter,
  limit: number,
  after: { createdAt: string; id: string } | undefined,
): Promise<JobsTable[]> {
  const service = await findServiceWithDeleted(context.database.read, workspaceId, serviceId);
  if (!service) throw notFound(serviceId);
  return listJobs(context.database.read, serviceId, filter, limit, after);
}

/** The job once it is final, or as it is when `signal` aborts. @throws `notFound` */
export async function waitForJob(
  context: Context,
  workspaceId: string,
  jobId: string,
  signal: AbortSignal,
): Promise<JobsTable> {
  for (;;) {
    // Listening before looking: an end in between is seen by one or the other.
    const look = new AbortController();
    const announced = context.finishedJobs.next(jobId, AbortSignal.any([signal, look.signal]));
    const job = await getJob(context, workspaceId, jobId);
    if (isTerminal(job.phase) || signal.aborted) {
      look.abort();
      await announced;
      return job;
    }
    await announced;
  }
}

/** More instances than one service has at once. */
const MAX_INSTANCES = 1000;

/** The instances in which jobs of a service run now; an instance goes by the id of its job. @throws `notFound` */
export async function runningInstances(
  context: Context,
  workspaceId: string,
  serviceId: string,
): Promise<{ id: string; startedAt: string }[]> {
  const filter = { phases: phasesOf('running') };
  const jobs = await pageOfJobs(context, workspaceId, serviceId, filter, MAX_INSTANCES, undefined);
  return jobs.map((job) => ({ id: job.id, startedAt: job.started_at ?? job.created_at }));
}
