/**
 * Supervisors killed with -9, alone and together with the server: the job is lost within seconds, nothing of it is left,
 * and nothing is ever taken for a success.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ShownJob } from './jobs.ts';
import { instanceProcesses, lastingInstances, leftovers, supervisorsOf } from './leftovers.ts';
import { Random } from './random.ts';
import { ServerProcess } from './server-process.ts';
import { ROOM } from './storm.ts';
import type { Violations } from './verdict.ts';

const LOST_WITHIN_MS = 5000;

export interface SupervisorCounts {
  killed: number;
  lost: number;
  slowestMs: number;
}

export interface SupervisorOptions {
  count: number;
  seed: number;
  /** Kills the server in the same instant, and starts it anew. */
  withServer: boolean;
}

/** A job in a sandbox: children, some of them with sessions of their own. */
const COMMAND =
  'echo here; sleep 1000 & setsid sleep 1000 & (setsid sh -c "sleep 1000 & sleep 1000" &); wait';

export async function killSupervisors(
  options: SupervisorOptions,
): Promise<{ counts: SupervisorCounts; violations: Violations }> {
  const random = new Random(options.seed);
  const violations: Violations = new Map();
  const note = (kind: string, what: string): void => {
    violations.set(kind, [...(violations.get(kind) ?? []), what]);
  };
  const counts: SupervisorCounts = { killed: 0, lost: 0, slowestMs: 0 };
  const server = await ServerProcess.make('local', ROOM);
  const ids = new Set<string>();
  try {
    const serviceId = await server.seed();
    await server.start();
    for (let round = 1; round <= options.count; round += 1) {
      const { body } = await server.insist<ShownJob>('POST', `/services/${serviceId}/jobs`, {
        startCommand: COMMAND,
      });
      ids.add(body.id);
      await until(server, body.id, (job) => job.status === 'running');
      await delay(random.between(0, 100));
      const [pid] = supervisorsOf(server.dataDir, body.id);
      if (pid === undefined) throw new Error(`no supervisor of ${body.id} was found`);
      process.kill(pid, 'SIGKILL');
      counts.killed += 1;
      if (options.withServer) {
        await server.kill();
        await server.start();
      }
      const since = performance.now();
      const job = await until(server, body.id, ({ finishedAt }) => finishedAt !== undefined);
      const took = Math.round(performance.now() - since);
      counts.slowestMs = Math.max(counts.slowestMs, took);
      if (job.status === 'failed' && job.reason?.lost) counts.lost += 1;
      else note('not lost', JSON.stringify(job));
      if (took > LOST_WITHIN_MS) note('too late', `${took} ms: ${body.id}`);
      const left = instanceProcesses(body.id);
      if (left.length > 0) note('left', `${left.length} processes of ${body.id}`);
    }
    for (const left of await lastingInstances(server.dataDir)) note('leftovers', left);
    await server.stop();
    for (const left of leftovers(server.dataDir, [...ids, ...server.supervisorNames]))
      note('leftovers', left);
  } finally {
    await server.remove();
  }
  return { counts, violations };
}

/** The job once it matches, asked of the server again and again. */
export async function until(
  server: ServerProcess,
  jobId: string,
  matches: (job: ShownJob) => boolean,
  withinMs = 60_000,
): Promise<ShownJob> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const { body } = await server.insist<ShownJob>('GET', `/jobs/${jobId}`);
    if (matches(body)) return body;
    if (performance.now() > deadline) throw new Error(`waited in vain: ${JSON.stringify(body)}`);
    await delay(20);
  }
}
