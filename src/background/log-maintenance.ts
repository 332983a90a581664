/** Keeps output within its limits, compresses what is complete and removes what retention no longer covers. */
import type { Context } from '../context.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 60_000;
/** A flood writes some hundreds of MB in this time at most. */
const LIMITS_INTERVAL_MS = 2000;

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
