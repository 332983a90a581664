/**
 * Compares what is recorded with what is there, both ways: an active job that nobody follows is taken up again; an
 * instance whose job is final, or is no job or build at all, is removed. The latter only when two looks in a row say
 * so: a record may be younger than the first look.
 */
import type { Context } from '../context.ts';
import { activeDeploysAmong, deploysInProgress, deploysOfOtherEngines } from '../db/queries/deploys.ts';
import { activeJobs, jobsOfOtherEngines, unfinishedAmong } from '../db/queries/jobs.ts';
import { isOf } from '../executors/executor.ts';
import type { JobRunner } from '../jobs/runner.ts';
import { isId } from '../shared/ids.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 2000;

export function startReconcileLoop(context: Context, runner: JobRunner): Loop {
  let suspects = new Set<string>();
  const pass = async (): Promise<void> => {
    // What is here of a copy may be another folder's.
    if (context.hold.held) return;
    await adoptOrphans(context, runner);
    suspects = await removeStrays(context, runner, suspects);
  };
  return startLoop('reconcile', INTERVAL_MS, pass, context.logger);
}

/** Takes up every active job that this process does not follow. @returns how many */
export async function adoptOrphans(context: Context, runner: JobRunner): Promise<number> {
  if (context.hold.held) return 0;
  const orphans = (await activeJobs(context.database.read)).filter(
    (job) => isOf(context.executor, job) && !runner.tracks(job.id),
  );
  for (const job of orphans) runner.adopt(job);
  return orphans.length;
}

/** Says at a start which jobs and builds another executor started: they are left alone until a server has it again. */
export async function warnOfOtherEngines({ database, executor, logger }: Context): Promise<void> {
  const others = [...(await activeJobs(database.read)), ...(await deploysInProgress(database.read))].filter(
    (one) => !isOf(executor, one),
  );
  if (others.length === 0) return;
  logger.warn('jobs or builds of another executor are left alone until the server is started with it', {
    executor: executor.name,
    theirs: [...new Set(others.map(({ engine }) => engine))],
    count: others.length,
    first: others.slice(0, 10).map(({ id }) => id),
  });
}

/** Removes what was suspect before and still is. @returns the suspects of this look */
async function removeStrays(context: Context, runner: JobRunner, before: Set<string>): Promise<Set<string>> {
  const { executor, database, logger } = context;
  const present = (await executor.list()).filter((id) => isId(id, 'job', 'dep') && !runner.tracks(id));
  const wanted = new Set([
    ...(await unfinishedAmong(database.read, present)),
    ...(await activeDeploysAmong(database.read, present)),
    // Only what made an instance can remove all of it.
    ...(await jobsOfOtherEngines(database.read, present, executor.name)),
    ...(await deploysOfOtherEngines(database.read, present, executor.name)),
  ]);
  const strays = present.filter((id) => !wanted.has(id));
  for (const id of strays.filter((one) => before.has(one))) {
    logger.warn('removing an instance that no record wants', { instance: id });
    // One that resists must not keep the others.
    await executor.destroy(id).catch((error: unknown) => {
      logger.error('an instance could not be removed; it is tried again', error, { instance: id });
    });
  }
  return new Set(strays);
}
