/** Work of whatever kind that is not over. */
import type { Queries } from '../open.ts';
import { ACTIVE_DEPLOYS, UNFINISHED_JOBS } from './conditions.ts';

/** Whether there is a job, a deploy or a run of a cron job that is not over. */
export async function isAnythingUnfinished(queries: Queries): Promise<boolean> {
  const [job, deploy, run] = await Promise.all([
    queries.selectFrom('jobs').select('id').where(UNFINISHED_JOBS).limit(1).executeTakeFirst(),
    queries.selectFrom('deploys').select('id').where(ACTIVE_DEPLOYS).limit(1).executeTakeFirst(),
    queries.selectFrom('cron_runs').select('id').where('state', '=', 'waiting').limit(1).executeTakeFirst(),
  ]);
  return [job, deploy, run].some((one) => one !== undefined);
}
