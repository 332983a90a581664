import { describe, expect, test } from 'vitest';
import type { Job } from '../../src/api/contract-types.ts';
import { jobExit } from '../../src/cli/exit-codes.ts';

const job = (rest: Partial<Job>): Job => ({
  id: 'job-c3rfdgg6n88pa7t3a6ag',
  serviceId: 'srv-c3rfdgg6n88pa7t3a6ag',
  startCommand: 'x',
  planId: 'plan-srv-006',
  createdAt: '2026-11-23T10:00:00.000000Z',
  ...rest,
});

describe('the exit code of `errand run`', () => {
  test.each<[string, Partial<Job>, number, RegExp | undefined]>([
    ['success', { status: 'succeeded', exitCode: 0 }, 0, undefined],
    [
      "the command's own code",
      { status: 'failed', exitCode: 7, reason: { evicted: false, nonZeroExit: 7 } },
      7,
      undefined,
    ],
    [
      'a code that only the reason has',
      { status: 'failed', reason: { evicted: false, nonZeroExit: 9 } },
      9,
      undefined,
    ],
    [
      '128 and the number of the signal',
      { status: 'failed', exitCode: 143, signal: 'SIGTERM' },
      143,
      /SIGTERM/,
    ],
    ['a segmentation fault', { status: 'failed', signal: 'SIGSEGV' }, 139, /SIGSEGV/],
    [
      'out of memory',
      {
        status: 'failed',
        signal: 'SIGKILL',
        reason: { evicted: false, oomKilled: { memoryLimit: '512Mi' } },
      },
      137,
      /memory.*512Mi/,
    ],
    [
      'a timeout, whatever signal ended it',
      { status: 'failed', signal: 'SIGKILL', reason: { evicted: false, timedOutSeconds: 5 } },
      124,
      /5 s/,
    ],
    ['a cancel, whatever signal ended it', { status: 'canceled', signal: 'SIGTERM' }, 130, /canceled/],
    [
      'a job that did not start',
      { status: 'failed', reason: { evicted: false, startFailed: 'no image' } },
      125,
      /no image/,
    ],
    [
      'a lost job',
      { status: 'failed', reason: { evicted: false, lost: 'the supervisor is gone' } },
      125,
      /supervisor/,
    ],
    [
      'a job that a stop of the host cut short, whatever its own code',
      {
        status: 'failed',
        exitCode: 0,
        reason: { evicted: false, hostStopped: 'the host was stopped while the job ran' },
      },
      125,
      /cut short: the host was stopped/,
    ],
    [
      'too much of the disk',
      {
        status: 'failed',
        exitCode: 137,
        signal: 'SIGKILL',
        reason: { evicted: false, diskFull: 'its files took 11.0 GB' },
      },
      137,
      /was ended: its files took 11\.0 GB/,
    ],
    ['a failure without a cause', { status: 'failed' }, 1, /failed/],
  ])('%s', (_, rest, code, why) => {
    const exit = jobExit(job(rest));
    expect(exit.code).toBe(code);
    if (why) expect(exit.why).toMatch(why);
    else expect(exit.why).toBeUndefined();
  });
});
