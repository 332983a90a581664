/** Makes a job final once its instance is over and its output complete. */
import type { Context } from '../context.ts';
import { findJobById } from '../db/queries/jobs.ts';
import type { JobsTable } from '../db/schema.ts';
import { isTerminal } from '../lifecycle/job.ts';
import { formatMicros, parseMicros } from '../shared/clock.ts';
import { concludeJob } from './conclude-job.ts';
import { type End, exitOf, judge } from './end-cause.ts';

/** The segment of a job's resource that holds its output. */
export const OUTPUT = 'output';

/** Stores how a job ended. A job that is final stays as it is. */
export async function finishJob(context: Context, jobId: string, end: End): Promise<void> {
  await context.logStore.complete(jobId, OUTPUT);
  // A loss of power may not cut off what a final job is said to have printed. A disk that refuses must not keep a job
  // from its end.
  await context.logStore.sync(jobId, OUTPUT).catch((error: unknown) => {
    context.logger.error('the output of a job could not be brought to the disk', error, { job: jobId });
  });
  const lastLine = await context.logStore.endBound(jobId, OUTPUT);
  await context.database.write(async (trx) => {
    const job = await findJobById(trx, jobId);
    if (!job || isTerminal(job.phase)) return;
    await concludeJob(trx, job, judge(job, end), finishTime(context, job, end, lastLine));
  }, 'jobs');
  context.finishedJobs.announce(jobId);
}

/** Not before its start, nor before the last line it printed: readers of a finished job take that range. */
function finishTime(context: Context, job: JobsTable, end: End, lastLine: string | undefined): string {
  const known = end.kind === 'hostStopped' ? end.at : context.clock.now();
  const ended = exitOf(end)?.finishedAt ?? known;
  const bounds = [ended, job.created_at, job.started_at ?? '', lastLine ? wholeMicrosecond(lastLine) : ''];
  // Instants of one form compare as texts.
  return bounds.sort().at(-1)!;
}

/** Times of lines have nanoseconds: the first whole microsecond that is not before them. */
function wholeMicrosecond(timestamp: string): string {
  const [, micros, rest] = /^(.*\.\d{6})(\d*)Z$/.exec(timestamp) ?? [];
  if (micros === undefined) return formatMicros(parseMicros(timestamp));
  return Number(rest || 0) === 0 ? `${micros}Z` : formatMicros(parseMicros(`${micros}Z`) + 1);
}
