/** Ends a job that takes too much of the disk: at once, since what it does in a grace is to take more. */
import type { Context } from '../context.ts';
import { findJobById, transitionJob } from '../db/queries/jobs.ts';
import { diskFull } from './end-cause.ts';

/**
 * Stores that a running job ends for that reason, and that it is due now.
 * @returns whether there is something to end: a job that is ending already keeps its own cause, and its grace is over
 */
export async function storeDiskFull(
  { database, clock }: Pick<Context, 'database' | 'clock'>,
  jobId: string,
  message: string,
): Promise<boolean> {
  return database.write(async (trx) => {
    const job = await findJobById(trx, jobId);
    if (job?.phase === 'stopping') return true;
    if (job?.phase !== 'running') return false;
    await transitionJob(trx, jobId, 'stop', clock.now(), {
      end_cause: job.end_cause ?? 'diskFull',
      reason: JSON.stringify(diskFull(message)),
      stop_monotonic_ms: clock.monotonicMs(),
    });
    return true;
  }, 'jobs');
}
