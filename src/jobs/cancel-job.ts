/**
 * Cancels a job: a stored intention, and a hint to act on it. The intention survives a crash in between; recovery
 * acts on it as well.
 */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import { findJobById, findJobOf, setEndCauseWhileStarting, transitionJob } from '../db/queries/jobs.ts';
import type { JobsTable } from '../db/schema.ts';
import { invalid, notFound } from '../errors.ts';
import { isTerminal, publicStatus } from '../lifecycle/job.ts';
import { concludeJob } from './conclude-job.ts';
import { judge } from './end-cause.ts';

/**
 * @param serviceId where given, the job must be one of this service
 * @throws `notFound`; `invalidRequest` when the job is final, naming its status
 */
export async function cancelJob(
  context: Context,
  workspaceId: string,
  jobId: string,
  serviceId?: string,
): Promise<JobsTable> {
  const job = await context.database.write(async (trx) => {
    const present = await findJobOf(trx, { workspaceId, jobId, ...(serviceId ? { serviceId } : {}) });
    if (!present) throw notFound(jobId);
    if (isTerminal(present.phase)) {
      throw invalid(
        `job ${jobId} is ${publicStatus(present.phase)} already: only a job that has not ended can be canceled`,
      );
    }
    return storeIntention(context, trx, present);
  }, 'jobs');
  if (isTerminal(job.phase)) context.finishedJobs.announce(jobId);
  else context.nudge.stop(jobId);
  return job;
}

async function storeIntention(context: Context, trx: Queries, job: JobsTable): Promise<JobsTable> {
  const now = context.clock.now();
  switch (job.phase) {
    case 'pending': {
      const verdict = judge({ ...job, end_cause: 'cancel' }, { kind: 'neverStarted', message: '' });
      return concludeJob(trx, job, verdict, now);
    }
    case 'starting':
      await setEndCauseWhileStarting(trx, job.id, 'cancel', now);
      return (await findJobById(trx, job.id)) ?? job;
    case 'running':
      return stopRunning(context, trx, job, 'cancel');
    default:
      return job;
  }
}

/** Makes `cause` the cause of ending of a running job; SIGKILL is due when its grace is over. */
export async function stopRunning(
  context: Context,
  trx: Queries,
  job: JobsTable,
  cause: 'cancel' | 'timeout',
): Promise<JobsTable> {
  const result = await transitionJob(trx, job.id, 'stop', context.clock.now(), {
    end_cause: job.end_cause ?? cause,
    stop_monotonic_ms: context.clock.monotonicMs() + job.grace_seconds * 1000,
  });
  return result.outcome === 'missing' ? job : result.job;
}
