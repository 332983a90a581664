/** Cancels that meet the job's own end: one of the two wins, and every read from then on says the same. */
import { setTimeout as delay } from 'node:timers/promises';
import { Findings, rounds } from './batches.ts';
import type { ShownJob } from './jobs.ts';
import { Random } from './random.ts';
import { ServerProcess } from './server-process.ts';
import { ROOM } from './storm.ts';
import { until } from './supervisors.ts';
import type { Violations } from './verdict.ts';

const AT_ONCE = 4;
/** The cancel is aimed at the end of the job: later when it was too early, earlier when it was too late. */
const STEP_MS = 5;
const SPREAD_MS = 15;

export interface RaceCounts {
  canceled: number;
  endedByItself: number;
}

export async function raceCancels(options: {
  count: number;
  seed: number;
}): Promise<{ counts: RaceCounts; violations: Violations }> {
  const random = new Random(options.seed);
  const findings = new Findings();
  const counts: RaceCounts = { canceled: 0, endedByItself: 0 };
  const server = await ServerProcess.make('local', ROOM);
  try {
    const serviceId = await server.seed({ maxShutdownDelaySeconds: 1 });
    await server.start();
    let aim = 100;
    await rounds(options.count, AT_ONCE, async () => {
      const exitCode = random.pick([0, 7]);
      const path = `/services/${serviceId}/jobs`;
      const { body } = await server.insist<ShownJob>('POST', path, {
        startCommand: `sleep 0.05; exit ${exitCode}`,
      });
      await delay(Math.max(0, aim + random.between(-SPREAD_MS, SPREAD_MS)));
      const cancel = await server.insist('POST', `${path}/${body.id}/cancel`);
      const job = await until(server, body.id, ({ finishedAt }) => finishedAt !== undefined);
      aim = Math.max(0, aim + (cancel.status === 200 ? STEP_MS : -STEP_MS));
      const natural = exitCode === 0 ? 'succeeded' : 'failed';
      const expected = cancel.status === 200 ? 'canceled' : natural;
      if (job.status !== expected) {
        findings.note('wrong status', `${expected} after an answer ${cancel.status}: ${JSON.stringify(job)}`);
      }
      if (job.status === natural && job.exitCode !== exitCode)
        findings.note('wrong exit code', JSON.stringify(job));
      counts[job.status === 'canceled' ? 'canceled' : 'endedByItself'] += 1;
      for (const seen of await allReads(server, path, body.id)) {
        if (JSON.stringify(seen) !== JSON.stringify(job)) {
          findings.note('reads differ', `${JSON.stringify(job)} and ${JSON.stringify(seen)}`);
        }
      }
    });
  } finally {
    await server.remove();
  }
  return { counts, violations: findings.violations };
}

/** The job as each way to read it shows it. */
async function allReads(server: ServerProcess, path: string, jobId: string): Promise<unknown[]> {
  const list = await server.insist<{ job: ShownJob }[]>('GET', `${path}?limit=100`);
  const again = await server.insist('POST', `${path}/${jobId}/cancel`);
  if (again.status !== 400) return [`a cancel of a final job was answered ${again.status}`];
  return [
    (await server.insist('GET', `${path}/${jobId}`)).body,
    (await server.insist('GET', `/jobs/${jobId}`)).body,
    (await server.insist('GET', `/jobs/${jobId}/wait`)).body,
    list.body.find(({ job }) => job.id === jobId)?.job ?? 'not among the newest 100',
  ];
}
