/**
 * What a change tells the rest of the server: that there is work, that a job is over. It is told after the commit of its
 * transaction, because before there is nothing to see, and outside of that transaction, because the work that it
 * wakes up must not take part in it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Context } from '../context.ts';

/** The context with hints that are safe to give from within a transaction. */
export function withSafeHints(context: Context): Context {
  const outside = AsyncLocalStorage.snapshot();
  const safely = <Args extends unknown[]>(hint: (...args: Args) => void): ((...args: Args) => void) => {
    return (...args) => context.database.afterCommit(() => outside(() => hint(...args)));
  };
  const { nudge, finishedJobs } = context;
  const announcing = Object.create(finishedJobs) as typeof finishedJobs;
  announcing.announce = safely((jobId: string) => finishedJobs.announce(jobId));
  announcing.next = (jobId, signal) => finishedJobs.next(jobId, signal);
  return {
    ...context,
    finishedJobs: announcing,
    nudge: { dispatch: safely(nudge.dispatch), build: safely(nudge.build), stop: safely(nudge.stop) },
  };
}
