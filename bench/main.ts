/**
 * `npm run bench -- [--only NAME,..] [--rounds N] [--quick] [--install] [--output FILE]`: measures Errand and its peers
 * side by side and writes RESULTS.md. Needs root and Linux, like the local executor itself.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, Measure } from './measure.ts';
import { measures } from './measures/index.ts';
import { Peers } from './peers/peers.ts';
import { installPeers } from './programs.ts';
import { currentLoad, type Run, report } from './report.ts';

const RESULTS = join(import.meta.dirname, 'RESULTS.md');

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    install: { type: 'boolean', default: false },
    output: { type: 'string' },
  },
});

function chosen(): Measure[] {
  if (!flags.only) return [...measures];
  return flags.only.split(',').map((name) => {
    const found = measures.find((one) => one.name === name);
    if (!found)
      throw new Error(
        `--only ${name}: no such measure; there are ${measures.map((one) => one.name).join(', ')}`,
      );
    return found;
  });
}

async function main(): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('the bench needs Linux and root: it makes the same sandboxes as the local executor');
  }
  const wanted = chosen();
  if (flags.install) installPeers();
  const folder = mkdtempSync(join(tmpdir(), 'errand-bench-'));
  chmodSync(folder, 0o711);
  const peers = new Peers(folder);
  const run: Run = {
    startedAt: new Date(),
    finishedAt: new Date(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
      ' ',
    ),
    loads: [],
    sections: [],
    failures: [],
    peers,
  };
  const bench: Bench = {
    rounds: Number(flags.rounds ?? (flags.quick ? 2 : 5)),
    quick: flags.quick,
    folder,
    peers,
    say: (line) => process.stderr.write(`${line}\n`),
  };
  try {
    for (const measure of wanted) {
      run.loads.push(currentLoad());
      bench.say(`== ${measure.name}`);
      try {
        run.sections.push(await measure.run(bench));
      } catch (error) {
        bench.say(String(error instanceof Error ? error.stack : error));
        run.failures.push({
          name: measure.name,
          why: error instanceof Error ? error.message : String(error),
        });
      }
    }
    run.finishedAt = new Date();
    publish(report(run));
  } finally {
    await peers.close();
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  }
  if (run.failures.length > 0) process.exitCode = 1;
}

/** Engines leave mounts behind when they end in a hurry. */
function unmountBelow(folder: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const below = mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of below.reverse()) spawnSync('umount', ['--lazy', path], { stdio: 'ignore' });
}

/** A part of the measures, or the quick form, must not pass for a whole run. */
function publish(text: string): void {
  const isWhole = !flags.only && !flags.quick;
  const file = flags.output ?? (isWhole ? RESULTS : undefined);
  if (file) writeFileSync(file, text);
  process.stdout.write(text);
}

await main();
