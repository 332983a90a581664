/**
 * The torture run: real servers, real jobs, and kills. Prints the seed, what was counted and the verdict; the exit code
 * is 1 when anything was violated.
 */
import { parseArgs } from 'node:util';
import { cancelStubbornJobs } from './cancels.ts';
import { killDatabaseWriters } from './database.ts';
import { flood } from './floods.ts';
import { forwardOverStops } from './forwarding.ts';
import { printOverKills } from './long-output.ts';
import { printOneLine } from './one-liners.ts';
import { crashAtEachPoint } from './points.ts';
import { raceCancels } from './races.ts';
import { storm } from './storm.ts';
import { killSupervisors } from './supervisors.ts';
import { timeOut } from './timeouts.ts';
import { describeVerdict, type Violations } from './verdict.ts';

const HELP = `npm run torture -- [--jobs 1000] [--kills 200]     kills of the server at random instants
npm run torture -- --points each:20                kills at each named crash point
npm run torture -- supervisors --count 50          kills of supervisors, [--with-server] of both at once
npm run torture -- cancels --count 200             jobs that do not want to end
npm run torture -- races --count 500               cancels that meet the job's own end
npm run torture -- timeouts --count 100            limits, also over restarts
npm run torture -- output --lines 1000000 --kills 20
npm run torture -- one-liners --count 1000         jobs that print one line, and their subscribers
npm run torture -- forwarding --lines 100000 --stops 10   a receiver that goes and comes
npm run torture -- database --count 1000           kills at full write load
npm run torture -- floods [--names 3000000] [--seconds 60] [--heap 256] [--answer-within 250] [--only NAME]
Everywhere: --seed N; the first two and cancels also: --executor local|process`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: '100' },
    kills: { type: 'string', default: '20' },
    count: { type: 'string', default: '20' },
    lines: { type: 'string', default: '100000' },
    stops: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    executor: { type: 'string', default: 'local' },
    points: { type: 'string' },
    'with-server': { type: 'boolean', default: false },
    names: { type: 'string', default: '30000' },
    seconds: { type: 'string', default: '5' },
    heap: { type: 'string' },
    'answer-within': { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean' },
  },
});

const seed = wholeNumber('--seed', values.seed);
const count = wholeNumber('--count', values.count);
const kills = wholeNumber('--kills', values.kills);
const executor = values.executor === 'process' ? ('process' as const) : ('local' as const);
const progress = (text: string): void => console.log(`  ${text}`);

const RUNS: Record<string, () => Promise<{ counts: object; violations: Violations }>> = {
  kills: () => storm({ seed, executor, progress, kills, jobs: wholeNumber('--jobs', values.jobs) }),
  points: () => crashAtEachPoint({ seed, executor, progress, each: wholeNumber('--points each:', each()) }),
  supervisors: () => killSupervisors({ seed, count, withServer: values['with-server'] }),
  cancels: () => cancelStubbornJobs({ count, executor }),
  races: () => raceCancels({ seed, count }),
  timeouts: () => timeOut({ seed, count }),
  output: () => printOverKills({ seed, kills, lines: wholeNumber('--lines', values.lines) }),
  'one-liners': () => printOneLine({ count }),
  forwarding: () =>
    forwardOverStops({
      seed,
      lines: wholeNumber('--lines', values.lines),
      stops: wholeNumber('--stops', values.stops),
    }),
  database: () => killDatabaseWriters({ seed, count, progress }),
  floods: () =>
    flood({
      names: wholeNumber('--names', values.names),
      seconds: wholeNumber('--seconds', values.seconds),
      heapMegabytes: values.heap === undefined ? undefined : wholeNumber('--heap', values.heap),
      answerWithinMs:
        values['answer-within'] === undefined
          ? undefined
          : wholeNumber('--answer-within', values['answer-within']),
      only: values.only,
      progress,
    }),
};

const name = positionals[0] ?? (values.points === undefined ? 'kills' : 'points');
const run = RUNS[name];
if (values.help || !run) {
  console.log(HELP);
  process.exitCode = values.help ? 0 : 2;
} else {
  console.log(`${name}, seed ${seed}`);
  const began = performance.now();
  const { counts, violations } = await run();
  console.log(describeVerdict(counts, violations));
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`${violations.size === 0 ? 'GOOD' : 'VIOLATED'} after ${seconds} s, seed ${seed}`);
  process.exitCode = violations.size === 0 ? 0 : 1;
}

function each(): string {
  return (values.points ?? '1').replace('each:', '');
}

function wholeNumber(flag: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${flag} must be a whole number, got "${text}"`);
  return Number(text);
}
