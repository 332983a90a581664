/** The exit codes of `errand`, for scripts. `run` hands on the job's own code; see `jobExit`. */
import type { Job } from '../api/contract-types.ts';

export const EXIT = {
  ok: 0,
  /** The server refused, could not be reached, or a deploy did not go live. */
  error: 1,
  /** Wrong arguments or settings. */
  usage: 2,
  /** As `timeout` says it: the job ran out of time. */
  timedOut: 124,
  /** The job did not start, was cut short by a stop of the host, or what became of it is not known. */
  noOutcome: 125,
  /** As a shell says it of a command that was interrupted. */
  canceled: 130,
  /** As a shell says it of a command whose reader went away: what was followed goes on. */
  unread: 141,
} as const;

/** Linux's numbers, for the shell's convention of 128 + signal. */
const SIGNALS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGSYS: 31,
};

/**
 * What `errand run` exits with for a final job, and the line that says why where the code alone would not.
 * The cause comes first: a job that was cancelled is 130 whatever signal ended it.
 */
export function jobExit(job: Job): { code: number; why?: string } {
  const { reason, signal, exitCode } = job;
  if (job.status === 'succeeded') return { code: EXIT.ok };
  if (job.status === 'canceled') return { code: EXIT.canceled, why: 'the job was canceled' };
  if (reason?.startFailed !== undefined) {
    return { code: EXIT.noOutcome, why: `the job did not start: ${reason.startFailed}` };
  }
  if (reason?.lost !== undefined) return { code: EXIT.noOutcome, why: `the job was lost: ${reason.lost}` };
  if (reason?.hostStopped !== undefined) {
    return { code: EXIT.noOutcome, why: `the job was cut short: ${reason.hostStopped}` };
  }
  if (reason?.timedOutSeconds !== undefined) {
    return { code: EXIT.timedOut, why: `the job ran longer than ${reason.timedOutSeconds} s` };
  }
  if (reason?.diskFull !== undefined) {
    return { code: 128 + SIGNALS['SIGKILL']!, why: `the job was ended: ${reason.diskFull}` };
  }
  if (reason?.oomKilled) {
    const limit = reason.oomKilled.memoryLimit;
    return {
      code: 128 + SIGNALS['SIGKILL']!,
      why: `the job needed more memory than its instance type has${limit ? ` (${limit})` : ''}`,
    };
  }
  if (signal !== undefined) {
    return { code: 128 + (SIGNALS[signal] ?? 0), why: `the job was ended by ${signal}` };
  }
  const code = exitCode ?? reason?.nonZeroExit;
  if (code !== undefined && code !== 0) return { code };
  return { code: EXIT.error, why: 'the job failed' };
}

/** Wrong arguments or settings: exit code 2. */
export class UsageError extends Error {}
