/** What jobs need against what the server gives them: in words, and as the end of those that it can never give enough. */
import type { Config } from '../config.ts';
import type { Context } from '../context.ts';
import { findJobById } from '../db/queries/jobs.ts';
import type { JobsTable } from '../db/schema.ts';
import { findInstanceType } from '../services/plans.ts';
import { concludeJob } from './conclude-job.ts';
import { judge } from './end-cause.ts';

type Capacity = Config['capacity'];
type Need = Pick<Capacity, 'memoryBytes' | 'cpuMillis'>;

const megabytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MB`;
const cpus = (millis: number): string => `${millis / 1000} CPU`;

/** Why something of this size can never run here, however long it waits; undefined when it can. */
export function misfit(capacity: Capacity, need: Need): string | undefined {
  if (need.memoryBytes <= capacity.memoryBytes && need.cpuMillis <= capacity.cpuMillis) return undefined;
  return (
    `needs ${megabytes(need.memoryBytes)} and ${cpus(need.cpuMillis)}; this server gives its jobs ` +
    `${megabytes(capacity.memoryBytes)} and ${cpus(capacity.cpuMillis)} in all (--max-memory, --max-cpu)`
  );
}

/** What the next job in the queue waits for. @param held by jobs that run */
export function shortage(capacity: Capacity, held: Need & { jobs: number }, need: Need): string {
  const left = { memory: capacity.memoryBytes - held.memoryBytes, cpu: capacity.cpuMillis - held.cpuMillis };
  if (held.jobs >= capacity.jobs) {
    return `waits for the end of another job: ${capacity.jobs} may run at once (--max-jobs)`;
  }
  if (need.memoryBytes > left.memory) {
    return `waits for memory: it needs ${megabytes(need.memoryBytes)}, and running jobs leave ${megabytes(left.memory)} of ${megabytes(capacity.memoryBytes)} (--max-memory)`;
  }
  if (need.cpuMillis > left.cpu) {
    return `waits for CPU: it needs ${cpus(need.cpuMillis)}, and running jobs leave ${cpus(left.cpu)} of ${cpus(capacity.cpuMillis)} (--max-cpu)`;
  }
  return 'is about to start';
}

/**
 * Ends, of jobs that wait, those that can never fit, as after a start with smaller limits: they would keep everybody
 * behind them waiting for ever. @returns whether there were any
 */
export async function endMisfits(context: Context, waiting: readonly JobsTable[]): Promise<boolean> {
  const { config, logger } = context;
  const misfits = waiting.flatMap((job) => {
    const why = misfit(config.capacity, { memoryBytes: job.memory_bytes, cpuMillis: job.cpu_millis });
    return why === undefined ? [] : { job, why };
  });
  await Promise.all(
    misfits.map(async ({ job, why }) => {
      const type = findInstanceType(job.plan_id);
      const message = `instance type ${type ? `${job.plan_id} (${type.plan})` : job.plan_id} ${why}`;
      logger.warn('a job that waited can never fit into what this server gives its jobs', {
        job: job.id,
        why: message,
      });
      await endWaiting(context, job.id, message);
    }),
  );
  return misfits.length > 0;
}

async function endWaiting(context: Context, id: string, message: string): Promise<void> {
  const { database, clock, finishedJobs } = context;
  await database.write(async (trx) => {
    const job = await findJobById(trx, id);
    if (job?.phase !== 'pending') return;
    await concludeJob(trx, job, judge(job, { kind: 'neverStarted', message }), clock.now());
  }, 'jobs');
  finishedJobs.announce(id);
}
