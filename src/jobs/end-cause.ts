/** Decides how a job ended, from facts alone: the first cause of ending wins, whatever came later. Pure. */
import type { EndCause, JobsTable } from '../db/schema.ts';
import type { ExitStatus } from '../executors/executor.ts';
import type { JobEvent } from '../lifecycle/job.ts';

/** The reason that the API shows: the contract's failure reason and what Errand adds. */
export interface Reason {
  evicted: boolean;
  nonZeroExit?: number;
  oomKilled?: { memoryLimit: string };
  timedOutSeconds?: number;
  timedOutReason?: string;
  canceled?: string;
  lost?: string;
  hostStopped?: string;
  diskFull?: string;
  startFailed?: string;
}

/** What the end of an instance looked like. */
export type End =
  | { kind: 'exited'; exit: ExitStatus }
  /** Cut short by a stop from outside, at that instant, and perhaps with a recorded exit. */
  | { kind: 'hostStopped'; message: string; at: string; exit?: ExitStatus | undefined }
  /** Ended for the room that it took, which could not be stored before. */
  | { kind: 'diskFull'; message: string; exit?: ExitStatus | undefined }
  | { kind: 'lost'; message: string }
  | { kind: 'neverStarted'; message: string };

export interface Verdict {
  event: Extract<JobEvent, 'succeed' | 'fail' | 'cancel'>;
  cause: EndCause;
  exitCode?: number;
  signal?: string;
  reason?: Reason;
}

type JobFacts = Pick<JobsTable, 'end_cause' | 'timeout_seconds' | 'memory_bytes'> & {
  /** Stored together with the cause, where that alone does not say enough. */
  reason?: string | null;
};

/** @param job with the cause of ending that was stored first, if any was */
export function judge(job: JobFacts, end: End): Verdict {
  const exit = exitOf(end);
  const ended = exit ? { exitCode: exit.exitCode, signal: exit.signal } : {};
  switch (job.end_cause) {
    case 'cancel':
      return {
        event: 'cancel',
        cause: 'cancel',
        ...ended,
        reason: { evicted: false, canceled: 'canceled by a request' },
      };
    case 'timeout':
      return { event: 'fail', cause: 'timeout', ...ended, reason: timedOut(job.timeout_seconds) };
    case 'diskFull':
      return {
        event: 'fail',
        cause: 'diskFull',
        ...ended,
        reason: job.reason
          ? (JSON.parse(job.reason) as Reason)
          : diskFull('its files took too much of the disk'),
      };
    default:
      return { ...judgeEnd(job, end), ...ended };
  }
}

export const exitOf = (end: End): ExitStatus | undefined =>
  end.kind === 'lost' || end.kind === 'neverStarted' ? undefined : end.exit;

const timedOut = (seconds: number): Reason => ({
  evicted: false,
  timedOutSeconds: seconds,
  timedOutReason: `the job ran for its limit of ${seconds} seconds`,
});

/** @param message such as `its files took 11 GB` */
export const diskFull = (message: string): Reason => ({ evicted: false, diskFull: message });

function judgeEnd(job: JobFacts, end: End): Verdict {
  if (end.kind === 'lost') {
    return { event: 'fail', cause: 'lost', reason: { evicted: false, lost: end.message } };
  }
  if (end.kind === 'hostStopped') {
    return { event: 'fail', cause: 'hostStopped', reason: { evicted: false, hostStopped: end.message } };
  }
  if (end.kind === 'diskFull') return { event: 'fail', cause: 'diskFull', reason: diskFull(end.message) };
  if (end.kind === 'neverStarted') {
    return { event: 'fail', cause: 'startFailed', reason: { evicted: false, startFailed: end.message } };
  }
  if (end.exit.exitCode === 0) return { event: 'succeed', cause: 'exit' };
  if (end.exit.oomKilled) {
    const memoryLimit = `${job.memory_bytes / 2 ** 20}Mi`;
    return { event: 'fail', cause: 'oom', reason: { evicted: false, oomKilled: { memoryLimit } } };
  }
  return { event: 'fail', cause: 'exit', reason: { evicted: false, nonZeroExit: end.exit.exitCode } };
}
