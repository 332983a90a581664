/**
 * Compares what is recorded with what is there, both ways: an active job that nobody follows is taken up again; an
 * instance whose job is final, or is no job or build at all, is removed. The latter only when two looks in a row say
 * so: a record may be younger than the first look.
 */
import type { Context } from '../context.ts';
import { activeDeploysAmong } from '../db/queries/deploys.ts';
import { activeJobs, unfinishedAmong } from '../db/queries/jobs.ts';
import type { JobRunner } from '../jobs/runner.ts';
import { isId } from '../shared/ids.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 2000;

export function startReconcileLoop(context: Context, runner: JobRunner): Loop {
  let suspects = new Set<string>();
  const pass = async (): Promise<void> => {
    await adoptOrphans(context, runner);
    suspects = await removeStrays(context, runner, suspects);
  };
  return startLoop('reconcile', INTERVAL_MS, pass, context.logger);
}

/** Takes up every active job that this process does not follow. @returns how many */
export async function adoptOrphans(context: Context, runner: JobRunner): Promise<number> {
  const orphans = (await activeJobs(context.database.read)).filter(({ id }) => !runner.tracks(id));
  for (const job of orphans) runner.adopt(job);
  return orphans.length;
}

/** Removes what was suspect before and still is. @returns the suspects of this look */
async function removeStrays(context: Context, runner: JobRunner, before: Set<string>): Promise<Set<string>> {
  const { executor, database, logger } = context;
  const present = (await executor.list()).filter((id) => isId(id, 'job', 'dep') && !runner.tracks(id));
  const wanted = new Set([
    ...(await unfinishedAmong(database.read, present)),
    ...(await activeDeploysAmong(database.read, present)),
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
