/** Short forms of the torture run; `npm run torture -- --help` has the long ones. */
import { describe, expect, test } from 'vitest';
import { flood } from '../../torture/floods.ts';
import { crashAtEachPoint } from '../../torture/points.ts';
import { storm } from '../../torture/storm.ts';

const LONG_MS = 300_000;
/** A run whose decisions can be had again: a failure shows the seed. */
const seed = Date.now() % 1_000_000;
const good = { violations: new Map(), seed };

test(
  'names without end, of jobs, builds and a repository, neither hold up nor fill a server, nor what runs beside them',
  async () => {
    const { violations } = await flood({ names: 3000, seconds: 2, only: 'names', progress: () => undefined });
    expect(violations).toEqual(new Map());
  },
  LONG_MS,
);

describe('a server that is killed', () => {
  test(
    'at random instants loses no job, starts none twice, and keeps every exit code and line',
    async () => {
      const { counts, violations } = await storm({ jobs: 100, kills: 20, seed, executor: 'local' });
      expect({ violations, seed }).toEqual(good);
      expect(counts).toMatchObject({ submitted: 100, kills: 20 });
    },
    LONG_MS,
  );

  test(
    'at each named point, twice, does so as well',
    async () => {
      const { violations } = await crashAtEachPoint({ each: 2, seed, executor: 'local' });
      expect({ violations, seed }).toEqual(good);
    },
    LONG_MS,
  );

  test(
    'while jobs are plain processes does so as well',
    async () => {
      const { violations } = await storm({ jobs: 20, kills: 5, seed, executor: 'process' });
      expect({ violations, seed }).toEqual(good);
    },
    LONG_MS,
  );
});
