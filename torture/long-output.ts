/** One job that prints numbered lines while the server is killed again and again: stored once, in order, none missing. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Findings } from './batches.ts';
import type { ShownJob } from './jobs.ts';
import { outputOf } from './output.ts';
import { Random } from './random.ts';
import { ServerProcess } from './server-process.ts';
import { ROOM } from './storm.ts';
import { until } from './supervisors.ts';
import type { Violations } from './verdict.ts';

/** Bursts with pauses between them: the job is to last for all the kills. */
const BURSTS = 100;
const LONGEST_LIFE_MS = 900;

export interface LongOutputCounts {
  kills: number;
  lines: number;
  hash: string;
}

export async function printOverKills(options: {
  lines: number;
  kills: number;
  seed: number;
}): Promise<{ counts: LongOutputCounts; violations: Violations }> {
  const random = new Random(options.seed);
  const findings = new Findings();
  const perBurst = Math.ceil(options.lines / BURSTS);
  // A kill and the start after it take about a second and a half.
  const pauseSeconds = (options.kills * 1.5) / BURSTS;
  const server = await ServerProcess.make('local', ROOM);
  try {
    const serviceId = await server.seed();
    await server.start();
    const { body } = await server.insist<ShownJob>('POST', `/services/${serviceId}/jobs`, {
      startCommand:
        `for b in $(seq 1 ${BURSTS}); do seq -f 'line %.0f' $(((b-1)*${perBurst}+1)) $((b*${perBurst}));` +
        ` sleep ${pauseSeconds}; done`,
    });
    for (let kill = 0; kill < options.kills; kill += 1) {
      await delay(random.between(0, LONGEST_LIFE_MS));
      await server.kill();
      await server.start();
    }
    const job = await until(server, body.id, ({ finishedAt }) => finishedAt !== undefined, 180_000);
    if (job.status !== 'succeeded') findings.note('wrong status', JSON.stringify(job));
    const stored = createHash('sha256');
    const printed = createHash('sha256');
    let lines = 0;
    for await (const message of outputOf(server, body.id)) {
      lines += 1;
      stored.update(`${message}\n`);
    }
    for (let n = 1; n <= perBurst * BURSTS; n += 1) printed.update(`line ${n}\n`);
    const hash = stored.digest('hex');
    if (lines !== perBurst * BURSTS) findings.note('lines', `${lines} of ${perBurst * BURSTS}`);
    if (hash !== printed.digest('hex')) findings.note('lines', 'the hashes differ');
    return { counts: { kills: options.kills, lines, hash }, violations: findings.violations };
  } finally {
    await server.remove();
  }
}
