/** Brings output to the disk, keeps it within its limits, compresses what is complete and removes what retention no longer covers. */
import type { Context } from '../context.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 60_000;
/** A flood writes some hundreds of MB in this time at most. */
const LIMITS_INTERVAL_MS = 2000;
/** A pass takes some milliseconds: what is a second old is on the disk. */
const SYNC_INTERVAL_MS = 900;

export function startLogSyncLoop({ logStore, logger }: Context): Loop {
  let failing = new Set<string>();
  const pass = async (): Promise<void> => {
    const { failed } = await logStore.syncGrowing();
    for (const { segment, error } of failed) {
      // Told once for as long as it lasts.
      if (failing.has(segment)) continue;
      logger.error('output could not be brought to the disk; it is tried every second', new Error(error), {
        segment,
      });
    }
    failing = new Set(failed.map(({ segment }) => segment));
  };
  return startLoop('log sync', SYNC_INTERVAL_MS, pass, logger);
}

export function startLogMaintenanceLoop({ config, logStore, logger }: Context): Loop {
  return startLoop(
    'log maintenance',
    INTERVAL_MS,
    async () => {
      const { removed } = await logStore.maintain(config.logRetention);
      if (removed > 0) logger.info('removed old output', { segments: removed });
    },
    logger,
  );
}

export function startLogLimitsLoop({ logStore, logger }: Context): Loop {
  return startLoop('log limits', LIMITS_INTERVAL_MS, () => logStore.enforceLimits(), logger);
}
