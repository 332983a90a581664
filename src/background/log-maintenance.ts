/** Compresses output that is complete and removes what retention no longer covers. */
import type { Context } from '../context.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 60_000;

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
