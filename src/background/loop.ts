/**
 * A background loop: runs its pass when nudged and on a slow timer, never twice at once. A pass takes no input and is
 * idempotent: it reads what is wanted and what is, and acts on the difference. A lost nudge costs time only.
 */
import type { Logger } from '../shared/logger.ts';

export interface Loop {
  nudge(): void;
  /** No pass runs afterwards; resolves when the present one is over. */
  stop(): Promise<void>;
}

/** @param intervalMs the longest time between two passes */
export function startLoop(name: string, intervalMs: number, pass: () => Promise<void>, logger: Logger): Loop {
  let present: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  const runPasses = async (): Promise<void> => {
    do {
      again = false;
      try {
        await pass();
      } catch (error) {
        logger.error(`background loop ${name} failed; it goes on`, error);
      }
    } while (again && !stopped);
  };
  const nudge = (): void => {
    if (stopped) return;
    again = true;
    present ??= runPasses().finally(() => {
      present = undefined;
      // A nudge between the last look and here.
      if (again) nudge();
    });
  };
  const timer = setInterval(nudge, intervalMs);
  return {
    nudge,
    async stop() {
      stopped = true;
      again = false;
      clearInterval(timer);
      await present;
    },
  };
}
