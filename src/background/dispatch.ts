/**
 * Starts pending jobs in order while there is room. The head of the queue waits for its room: nobody overtakes it. One
 * that can never have it ends, and the others go on.
 */
import { availableParallelism } from 'node:os';
import type { Context } from '../context.ts';
import { pendingJobs, transitionJob } from '../db/queries/jobs.ts';
import type { JobsTable } from '../db/schema.ts';
import { endMisfits } from '../jobs/capacity.ts';
import type { JobRunner } from '../jobs/runner.ts';
import { crashPoint } from '../shared/crash-points.ts';
import { type Loop, startLoop } from './loop.ts';

/** A lost nudge is made good by this timer. */
const INTERVAL_MS = 1000;
/** Making an instance is work for a CPU: more at once make each one slower and none faster. */
const MAX_STARTING = Math.max(4, availableParallelism() * 2);
/** Deadline of a start that nobody lived to see: not earlier than the job's own limit, by this much later. */
const START_ALLOWANCE_MS = 500;

export function startDispatchLoop(context: Context, runner: JobRunner): Loop {
  return startLoop('dispatch', INTERVAL_MS, () => dispatch(context, runner), context.logger);
}

/** One pass: starts what fits. */
export async function dispatch(context: Context, runner: JobRunner): Promise<void> {
  // Those that run need the rest of the disk for their ends.
  if (context.hold.held || !context.diskReserve.hasRoom()) return;
  // What a host that goes down cuts short would not run again; what waits starts when it is up.
  if (context.hostStops.isKnownToStop) return;
  for (;;) {
    const free = MAX_STARTING - runner.held.starting;
    // Many creates nudge it while nothing can start: those are answered without a look at the queue.
    if (free <= 0 || runner.held.jobs >= context.config.capacity.jobs) return;
    const waiting = await pendingJobs(context.database.read, free);
    if (await endMisfits(context, waiting)) continue;
    const chosen = whatFits(context, runner, waiting);
    if (chosen.length === 0) return;
    for (const { id } of chosen) runner.announced.add(id);
    try {
      const committed = await Promise.all(chosen.map((job) => commitIntent(context, job)));
      for (const job of committed) {
        if (job) runner.run(job);
      }
    } finally {
      for (const { id } of chosen) runner.announced.delete(id);
    }
  }
}

function whatFits(context: Context, runner: JobRunner, waiting: JobsTable[]): JobsTable[] {
  const { capacity } = context.config;
  let { memoryBytes, cpuMillis, jobs } = runner.held;
  const chosen: JobsTable[] = [];
  for (const job of waiting) {
    memoryBytes += job.memory_bytes;
    cpuMillis += job.cpu_millis;
    jobs += 1;
    if (memoryBytes > capacity.memoryBytes || cpuMillis > capacity.cpuMillis || jobs > capacity.jobs) break;
    chosen.push(job);
  }
  return chosen;
}

/** The first of the locks against a second start: the intent is on disk before anything happens. */
async function commitIntent(context: Context, job: JobsTable): Promise<JobsTable | undefined> {
  const { clock, bootId, executor } = context;
  const result = await context.database.write(
    (trx) =>
      transitionJob(trx, job.id, 'dispatch', clock.now(), {
        engine: executor.name,
        boot_id: bootId,
        deadline_monotonic_ms: clock.monotonicMs() + job.timeout_seconds * 1000 + START_ALLOWANCE_MS,
      }),
    'jobs',
  );
  crashPoint('intent-committed');
  return result.outcome === 'applied' ? result.job : undefined;
}
