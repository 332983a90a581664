/**
 * The torture run: real servers, real jobs, and kills. `npm run torture -- --jobs 1000 --kills 200 --seed 7`.
 * Prints the seed, what was counted and the verdict; the exit code is 1 when anything was violated.
 */
import { parseArgs } from 'node:util';
import { storm } from './storm.ts';
import { describeVerdict } from './verdict.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: '100' },
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    executor: { type: 'string', default: 'local' },
    points: { type: 'string' },
    count: { type: 'string' },
  },
});
const seed = Number(values.seed);
const executor = values.executor === 'process' ? 'process' : 'local';
const progress = (text: string): void => console.log(`  ${text}`);

console.log(`seed ${seed}`);
const began = performance.now();
const { counts, violations } = await storm({
  jobs: Number(values.jobs),
  kills: Number(values.kills),
  seed,
  executor,
  progress,
});
console.log(describeVerdict(counts, violations));
const seconds = Math.round((performance.now() - began) / 1000);
console.log(
  `${violations.size === 0 ? 'GOOD' : 'VIOLATED'} after ${seconds} s (seed ${seed}${positionals.join(' ')})`,
);
process.exitCode = violations.size === 0 ? 0 : 1;
