/** Waits, where the data folder is a copy, for the operator to say what becomes of the work in it. */
import type { Context } from '../context.ts';
import { carryOutDecision } from '../safekeeping/decide.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 1000;

/** @param released called when work is not held back any more */
export function startHoldLoop(context: Context, released: () => Promise<void>): Loop {
  const pass = async (): Promise<void> => {
    if (context.hold.held && (await carryOutDecision(context))) await released();
  };
  return startLoop('hold', INTERVAL_MS, pass, context.logger);
}
