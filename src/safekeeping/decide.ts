/**
 * Does what the operator said about a folder that is a copy. `fail` ends everything that is not over. `resume` lets it go
 * on: what waits starts, and what has an instance here is followed; what ran elsewhere is lost, and what was about to
 * start there waits again.
 */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import { waitingCronRuns } from '../db/queries/cron-runs.ts';
import { deploysInProgress, queuedDeploys, transitionDeploy } from '../db/queries/deploys.ts';
import { activeJobs, findJobById, transitionJob, unfinishedJobs } from '../db/queries/jobs.ts';
import type { JobsTable } from '../db/schema.ts';
import { isOf } from '../executors/executor.ts';
import { concludeJob } from '../jobs/conclude-job.ts';
import { judge } from '../jobs/end-cause.ts';
import { endCronRun } from '../jobs/end-cron-run.ts';
import { isTerminal } from '../lifecycle/job.ts';
import { decisionOn, forgetHold, type Held, heldOf } from './hold.ts';

/** Carries out what was decided, all or nothing, if anything was. @returns whether nothing is held back any more */
export async function carryOutDecision(context: Context): Promise<boolean> {
  const { hold, database, logger, finishedJobs } = context;
  const { held } = hold;
  if (!held) return true;
  const decision = await decisionOn(context);
  if (!decision) return false;
  // Asked before the transaction, which waits for nothing but the database.
  const gone = decision === 'resume' ? await jobsWithoutInstance(context) : [];
  const ended = await database.write(async (trx) => {
    if ((await heldOf(trx))?.id !== held.id) return [];
    const jobs =
      decision === 'fail'
        ? await endEverything(context, trx, held)
        : await putRight(context, trx, held, gone);
    await forgetHold(trx);
    return jobs;
  });
  hold.release();
  for (const id of ended) finishedJobs.announce(id);
  logger.warn(
    decision === 'fail'
      ? 'what was unfinished in the copied data folder is ended'
      : 'what waited in the copied data folder goes on',
    { ended: ended.length },
  );
  return true;
}

/** Of the jobs that had begun those of which nothing is here that runs, ran to its end, or is about to start. */
async function jobsWithoutInstance(context: Context): Promise<JobsTable[]> {
  const { database, executor } = context;
  const gone: JobsTable[] = [];
  for (const job of await activeJobs(database.read)) {
    if (!isOf(executor, job)) continue;
    const { state } = await executor.inspect(job.id);
    const isHere =
      state === 'running' || state === 'exited' || (job.phase === 'starting' && state !== 'absent');
    if (!isHere) gone.push(job);
  }
  return gone;
}

async function putRight(
  { clock }: Context,
  trx: Queries,
  held: Held,
  gone: readonly JobsTable[],
): Promise<string[]> {
  const ended: string[] = [];
  for (const { id } of gone) {
    const job = await findJobById(trx, id);
    if (!job || isTerminal(job.phase)) continue;
    if (job.phase === 'starting' && !job.end_cause) {
      const facts = { engine: null, boot_id: null, deadline_monotonic_ms: null };
      await transitionJob(trx, id, 'requeue', clock.now(), facts);
    } else if (job.phase !== 'pending') {
      await endAsLost(trx, job, held);
      ended.push(id);
    }
  }
  return ended;
}

async function endEverything({ clock }: Context, trx: Queries, held: Held): Promise<string[]> {
  const jobs = await unfinishedJobs(trx);
  for (const job of jobs) await endAsLost(trx, job, held);
  // Before they are nobody's successors any more, and start.
  for (const run of await waitingCronRuns(trx))
    await endCronRun(trx, run, 'unsuccessful', { at: clock.now() });
  for (const { id } of [...(await queuedDeploys(trx)), ...(await deploysInProgress(trx))]) {
    await transitionDeploy(trx, id, 'failUpdate', { at: clock.now(), failure: whyLost(held) });
  }
  return jobs.map(({ id }) => id);
}

const whyLost = ({ why }: Held): string =>
  `the data folder is a copy (${why}), and whether this ended since is not known`;

async function endAsLost(trx: Queries, job: JobsTable, held: Held): Promise<void> {
  // Nothing after the copy was made is known of it, so nothing after it is billed.
  const bounds = [held.copiedAt ?? '', job.created_at, job.started_at ?? ''];
  const verdict = judge(job, { kind: 'lost', message: whyLost(held) });
  await concludeJob(trx, job, verdict, bounds.sort().at(-1)!);
}
