/** Limits: each job is ended within a second after its own, whatever happens to the server in between. */
import { setTimeout as delay } from 'node:timers/promises';
import { Findings } from './batches.ts';
import type { ShownJob } from './jobs.ts';
import { Random } from './random.ts';
import { ServerProcess } from './server-process.ts';
import { ROOM } from './storm.ts';
import { until } from './supervisors.ts';
import type { Violations } from './verdict.ts';

/** Jobs at once; also how many share a restart. */
const GROUP = 10;
const SLACK_MS = 1000;

export interface TimeoutCounts {
  timedOut: number;
  overRestarts: number;
  earliestMs: number;
  latestMs: number;
}

/** Half of the groups see the server killed and started in the middle. */
export async function timeOut(options: {
  count: number;
  seed: number;
}): Promise<{ counts: TimeoutCounts; violations: Violations }> {
  const random = new Random(options.seed);
  const findings = new Findings();
  const counts: TimeoutCounts = {
    timedOut: 0,
    overRestarts: 0,
    earliestMs: Number.POSITIVE_INFINITY,
    latestMs: 0,
  };
  const server = await ServerProcess.make('local', ROOM);
  try {
    const serviceId = await server.seed({ maxShutdownDelaySeconds: 1 });
    await server.start();
    for (let left = options.count; left > 0; left -= GROUP) {
      const withRestart = (left / GROUP) % 2 >= 1;
      const created = await Promise.all(
        Array.from({ length: Math.min(GROUP, left) }, async () => {
          const timeoutSeconds = withRestart ? random.between(6, 8) : random.between(1, 3);
          const { body } = await server.insist<ShownJob>('POST', `/services/${serviceId}/jobs`, {
            startCommand: 'sleep 1000',
            timeoutSeconds,
          });
          return { id: body.id, timeoutSeconds };
        }),
      );
      if (withRestart) {
        await delay(random.between(0, 1500));
        await server.kill();
        await server.start();
        counts.overRestarts += created.length;
      }
      for (const { id, timeoutSeconds } of created) {
        const job = await until(server, id, ({ finishedAt }) => finishedAt !== undefined);
        const late = Date.parse(job.finishedAt!) - Date.parse(job.startedAt!) - timeoutSeconds * 1000;
        if (job.reason?.timedOutSeconds === timeoutSeconds) counts.timedOut += 1;
        else findings.note('wrong status', JSON.stringify(job));
        counts.earliestMs = Math.min(counts.earliestMs, late);
        counts.latestMs = Math.max(counts.latestMs, late);
        if (late < 0 || late > SLACK_MS)
          findings.note('not in time', `${late} ms after its limit: ${JSON.stringify(job)}`);
      }
    }
  } finally {
    await server.remove();
  }
  return { counts, violations: findings.violations };
}
