/**
 * The torture run: real servers, real jobs, and kills. Prints the seed, what was counted and the verdict; the exit code
 * is 1 when anything was violated.
 */
import { parseArgs } from 'node:util';
import { crashAtEachPoint } from './points.ts';
import { type RunResult, storm } from './storm.ts';
import { describeVerdict } from './verdict.ts';

const HELP = `npm run torture -- [--jobs 1000] [--kills 200] [--seed N] [--executor local|process]
npm run torture -- --points each:20 [--seed N] [--executor local|process]
`;

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '100' },
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    executor: { type: 'string', default: 'local' },
    points: { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help) {
  console.log(HELP);
} else {
  const began = performance.now();
  console.log(`seed ${values.seed}`);
  const { counts, violations } = await chosenRun();
  console.log(describeVerdict(counts, violations));
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`${violations.size === 0 ? 'GOOD' : 'VIOLATED'} after ${seconds} s, seed ${values.seed}`);
  process.exitCode = violations.size === 0 ? 0 : 1;
}

function chosenRun(): Promise<RunResult> {
  const common = {
    seed: wholeNumber('--seed', values.seed),
    executor: values.executor === 'process' ? ('process' as const) : ('local' as const),
    progress: (text: string): void => console.log(`  ${text}`),
  };
  if (values.points !== undefined) {
    return crashAtEachPoint({
      ...common,
      each: wholeNumber('--points each:', values.points.replace('each:', '')),
    });
  }
  return storm({
    ...common,
    jobs: wholeNumber('--jobs', values.jobs),
    kills: wholeNumber('--kills', values.kills),
  });
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number, got "${text}"`);
  return Number(text);
}
