/**
 * Hints to the background loops, as requests give them. The work that a hint wakes up belongs to no request: it must
 * not take part in a request's transaction. A hint given within a transaction is held back until that is committed,
 * because before there is nothing to see.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Context } from '../context.ts';

type Nudge = Context['nudge'];

const held = new AsyncLocalStorage<(() => void)[]>();

/** The same hints, safe to give from a request. */
export function nudgesOfRequests(nudge: Nudge): Nudge {
  const outside = AsyncLocalStorage.snapshot();
  const safe = Object.entries(nudge).map(([name, hint]: [string, (...about: never[]) => void]) => [
    name,
    (...about: never[]): void => {
      const give = (): void => outside(() => hint(...about));
      const list = held.getStore();
      if (list) list.push(give);
      else give();
    },
  ]);
  return Object.fromEntries(safe) as Nudge;
}

/** Runs `transaction` and gives the hints of it after its end; none when it throws. */
export async function holdNudges<T>(transaction: () => Promise<T>): Promise<T> {
  const list: (() => void)[] = [];
  const result = await held.run(list, transaction);
  for (const give of list) give();
  return result;
}
