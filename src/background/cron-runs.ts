/** Starts runs of cron jobs that waited for the end of the run before. */
import type { Context } from '../context.ts';
import { servicesWithStartableRuns } from '../db/queries/cron-runs.ts';
import { startWaitingRun } from '../jobs/cron-runs.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 1000;
/** Looked at in one pass; the next follows soon. */
const PER_PASS = 100;

export function startCronRunLoop(context: Context): Loop {
  return startLoop('cron runs', INTERVAL_MS, () => startWaitingRuns(context).then(() => {}), context.logger);
}

/** One pass. @returns how many runs were started */
export async function startWaitingRuns(context: Context): Promise<number> {
  let started = 0;
  if (context.hold.held) return started;
  for (const serviceId of await servicesWithStartableRuns(context.database.read, PER_PASS)) {
    try {
      if (await startWaitingRun(context, serviceId)) started += 1;
    } catch (error) {
      // The runs of other cron jobs do not wait for what is wrong with this one.
      context.logger.error('a run of a cron job could not be started; it is tried again', error, {
        service: serviceId,
      });
    }
  }
  return started;
}
