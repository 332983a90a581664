/** Tells an end that came from outside, by a stop of the host or of all jobs, from one that is the program's own. */
import type { Context } from '../context.ts';
import { findJobById } from '../db/queries/jobs.ts';
import type { JobsTable } from '../db/schema.ts';
import type { InstanceState } from '../executors/executor.ts';
import type { End } from './end-cause.ts';

type Parts = Pick<Context, 'database' | 'hostStops'>;
type Over = Extract<InstanceState, { state: 'exited' | 'lost' }>;

/**
 * The end of a job whose instance is over.
 * @param job as it was when it began to be followed
 */
export async function endOf({ database, hostStops }: Parts, job: JobsTable, over: Over): Promise<End> {
  const exit = over.state === 'exited' ? over.exit : undefined;
  const work = { bootId: job.boot_id ?? undefined, startedAt: job.started_at ?? over.startedAt, exit };
  let stop = await hostStops.recorded(work);
  // What was asked to end is signalled every time.
  if (!stop && exit?.signal && !(await findJobById(database.read, job.id))?.end_cause) {
    stop = await hostStops.witnessed(work);
  }
  if (stop) return { kind: 'hostStopped', message: `${stop.what} while the job ran`, at: stop.at, exit };
  if (exit) return { kind: 'exited', exit };
  return { kind: 'lost', message: 'its supervisor ended without recording an exit' };
}

/** The end of a job that was started in an earlier boot of the host and has no recorded exit. */
export async function endOfOtherBoot(
  { hostStops }: Pick<Parts, 'hostStops'>,
  job: JobsTable,
  startedAt: string,
): Promise<End> {
  const stop = await hostStops.recorded({ bootId: job.boot_id ?? undefined, startedAt });
  if (stop) return { kind: 'hostStopped', message: `${stop.what} before the job ended`, at: stop.at };
  return { kind: 'lost', message: 'the host was restarted or lost power before the job ended' };
}
