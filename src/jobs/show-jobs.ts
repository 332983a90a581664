/** Jobs as the API shows them, with what only the server knows: why one that waits does so, and at which place. */
import type { Context } from '../context.ts';
import { countPendingBefore } from '../db/queries/jobs.ts';
import type { JobsTable } from '../db/schema.ts';
import { isOf } from '../executors/executor.ts';
import { isTerminal } from '../lifecycle/job.ts';
import { shortage } from './capacity.ts';
import { type PresentedJob, presentJob } from './present-job.ts';

/** Further on in the queue the place is not counted: it would be a look at every job before it. */
const COUNTED_PLACES = 1000;

const WAITS_FOR_DISK = "waits for room on the server's disk: less than its reserve is free (--disk-reserve)";

type Standing = Pick<PresentedJob, 'statusReason' | 'queuePlace'>;

export async function showJob(context: Context, job: JobsTable): Promise<PresentedJob> {
  return { ...presentJob(job), ...(await standing(context, job)) };
}

/** In the order given. */
export async function showJobs(context: Context, jobs: readonly JobsTable[]): Promise<PresentedJob[]> {
  const shown: PresentedJob[] = [];
  for (const job of jobs) shown.push(await showJob(context, job));
  return shown;
}

async function standing(context: Context, job: JobsTable): Promise<Standing> {
  if (isTerminal(job.phase)) return {};
  if (context.hold.why) return { statusReason: context.hold.why };
  return job.phase === 'pending' ? waiting(context, job) : otherEngine(context, job);
}

/** @returns nothing for a job of this server's own executor */
function otherEngine(
  { executor }: Pick<Context, 'executor'>,
  { engine, end_cause }: Pick<JobsTable, 'engine' | 'end_cause'>,
): Standing {
  if (isOf(executor, { engine })) return {};
  const later = end_cause ? '; what ends it is done then' : '';
  return {
    statusReason:
      `was started by the ${engine} executor and is left alone by this server, which has the ${executor.name} ` +
      `executor: start the server with --executor ${engine} to follow it${later}`,
  };
}

async function waiting(context: Context, job: JobsTable): Promise<Standing> {
  const { config, database, diskReserve, held } = context;
  const before = await countPendingBefore(database.read, job, COUNTED_PLACES);
  const place = before < COUNTED_PLACES ? { queuePlace: before + 1 } : {};
  if (!diskReserve.hasRoom()) return { ...place, statusReason: WAITS_FOR_DISK };
  if (before >= COUNTED_PLACES) return { statusReason: `${COUNTED_PLACES} jobs or more are before it` };
  if (before > 0)
    return { ...place, statusReason: `${before} ${before === 1 ? 'job is' : 'jobs are'} before it` };
  const need = { memoryBytes: job.memory_bytes, cpuMillis: job.cpu_millis };
  return { ...place, statusReason: shortage(config.capacity, held(), need) };
}
