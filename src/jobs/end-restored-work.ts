/**
 * A database that was restored from a backup is from the past: what had not ended in it may have run to its end since,
 * and nothing on the machine can tell. So none of it is started or taken up: it ends here, before the server does
 * anything else, and nothing runs twice.
 */
import type { Context } from '../context.ts';
import { BACKUP_MARK } from '../db/backup.ts';
import type { Queries } from '../db/open.ts';
import { deploysInProgress, queuedDeploys, transitionDeploy } from '../db/queries/deploys.ts';
import { unfinishedJobs } from '../db/queries/jobs.ts';
import { deleteSetting, findSetting } from '../db/queries/settings.ts';
import { concludeJob } from './conclude-job.ts';
import { judge } from './end-cause.ts';

const WHY = 'the server was restored from a backup, and whether this ended since is not known';

/** Ends everything unfinished of a marked copy and removes the mark, all or nothing. @returns how many jobs it ended */
export async function endRestoredWork(
  context: Pick<Context, 'database' | 'clock' | 'logger'>,
): Promise<number> {
  const { database, clock, logger } = context;
  if ((await findSetting(database.read, BACKUP_MARK)) === undefined) return 0;
  return database.write(async (trx) => {
    const copiedAt = await findSetting(trx, BACKUP_MARK);
    if (copiedAt === undefined) return 0;
    const jobs = await endJobs(trx, copiedAt);
    const deploys = [...(await queuedDeploys(trx)), ...(await deploysInProgress(trx))];
    for (const { id } of deploys) {
      await transitionDeploy(trx, id, 'failUpdate', { at: clock.now(), failure: WHY });
    }
    await deleteSetting(trx, BACKUP_MARK);
    logger.warn('restored from a backup: what was unfinished in it is ended', {
      copiedAt,
      jobs,
      deploys: deploys.length,
    });
    return jobs;
  });
}

async function endJobs(trx: Queries, copiedAt: string): Promise<number> {
  const jobs = await unfinishedJobs(trx);
  for (const job of jobs) {
    // Nothing after the copy was made is known of it, so nothing after it is billed.
    const finishedAt = [copiedAt, job.created_at, job.started_at ?? ''].sort().at(-1)!;
    await concludeJob(trx, job, judge(job, { kind: 'lost', message: WHY }), finishedAt);
  }
  return jobs.length;
}
