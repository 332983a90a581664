/**
 * Removes what was too large to be removed when it was discarded, one tree after the other. A server that stops leaves
 * to the next one what takes longer than a moment.
 */
import type { Context } from '../context.ts';
import { discardedTrees, removeTree } from '../shared/trees.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 1000;
const STOP_PATIENCE_MS = 2000;

export function startDiscardedTreesLoop({ config, logger }: Context): Loop {
  const stopping = new AbortController();
  const pass = async (): Promise<void> => {
    for await (const tree of discardedTrees(config.dataDir)) {
      if (stopping.signal.aborted) return;
      // One that resists must not keep the others.
      await removeTree(tree, stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted) logger.error('a discarded tree could not be removed', error, { tree });
      });
    }
  };
  const loop = startLoop('discarded trees', INTERVAL_MS, pass, logger);
  return {
    nudge: loop.nudge,
    async stop() {
      const patience = setTimeout(() => stopping.abort(new Error('the server stops')), STOP_PATIENCE_MS);
      // Also what was discarded since the last pass.
      loop.nudge();
      await loop.stop();
      clearTimeout(patience);
    },
  };
}
