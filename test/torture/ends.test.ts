/** Short forms of the torture runs of one thing each; `npm run torture -- --help` has the long ones. */
import { describe, expect, test } from 'vitest';
import { cancelStubbornJobs } from '../../torture/cancels.ts';
import { killDatabaseWriters } from '../../torture/database.ts';
import { printOverKills } from '../../torture/long-output.ts';
import { raceCancels } from '../../torture/races.ts';
import { killSupervisors } from '../../torture/supervisors.ts';
import { timeOut } from '../../torture/timeouts.ts';

const LONG_MS = 300_000;
/** A run whose decisions can be had again: a failure shows the seed. */
const seed = Date.now() % 1_000_000;
const good = { violations: new Map(), seed };

describe('a supervisor that is killed', () => {
  test(
    'loses its job within five seconds and leaves no process',
    async () => {
      const { counts, violations } = await killSupervisors({ count: 5, seed, withServer: false });
      expect({ violations, seed }).toEqual(good);
      expect(counts).toMatchObject({ killed: 5, lost: 5 });
    },
    LONG_MS,
  );

  test(
    'together with the server never makes a success',
    async () => {
      const { counts, violations } = await killSupervisors({ count: 3, seed, withServer: true });
      expect({ violations, seed }).toEqual(good);
      expect(counts).toMatchObject({ killed: 3, lost: 3 });
    },
    LONG_MS,
  );
});

describe('a cancel', () => {
  test(
    'ends jobs that ignore it, fork, leave their session or hold the output open, right after their grace',
    async () => {
      const { counts, violations } = await cancelStubbornJobs({ count: 12, executor: 'local' });
      expect({ violations, seed }).toEqual(good);
      expect(counts.canceled).toBe(12);
    },
    LONG_MS,
  );

  test(
    'does so as well where jobs are plain processes',
    async () => {
      const { counts, violations } = await cancelStubbornJobs({ count: 4, executor: 'process' });
      expect({ violations, seed }).toEqual(good);
      expect(counts.canceled).toBe(4);
    },
    LONG_MS,
  );

  test(
    "that meets the job's own end leaves one final state, which all reads show",
    async () => {
      const { counts, violations } = await raceCancels({ count: 50, seed });
      expect({ violations, seed }).toEqual(good);
      expect(counts.canceled + counts.endedByItself).toBe(50);
    },
    LONG_MS,
  );
});

test(
  'limits are kept to the second, also when the server is killed in between',
  async () => {
    const { counts, violations } = await timeOut({ count: 20, seed });
    expect({ violations, seed }).toEqual(good);
    expect(counts.timedOut).toBe(20);
  },
  LONG_MS,
);

test(
  'a database that is killed at full load keeps every acknowledged write and stays sound',
  async () => {
    const { counts, violations } = await killDatabaseWriters({ count: 30, seed });
    expect({ violations, seed }).toEqual(good);
    expect(counts.acknowledged).toBeGreaterThan(0);
  },
  LONG_MS,
);

test(
  'a job that prints 100,000 lines over kills of the server has each of them stored once and in order',
  async () => {
    const { counts, violations } = await printOverKills({ lines: 100_000, kills: 5, seed });
    expect({ violations, seed }).toEqual(good);
    expect(counts.lines).toBe(100_000);
  },
  LONG_MS,
);
