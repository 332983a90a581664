/** Cancels of jobs that do not want to end: nothing that they do keeps them, or anything of them, alive. */
import { join } from 'node:path';
import { Findings, rounds } from './batches.ts';
import type { ShownJob } from './jobs.ts';
import { instanceProcesses, lastingInstances, leftovers } from './leftovers.ts';
import { type ExecutorName, ServerProcess } from './server-process.ts';
import { ROOM } from './storm.ts';
import { until } from './supervisors.ts';
import { Truth } from './truth.ts';
import type { Violations } from './verdict.ts';

const GRACE_SECONDS = 1;
/** What SIGKILL may come later than the grace. */
const SLACK_MS = 1000;
const AT_ONCE = 4;

/** Every one of them, and all that it leaves behind, ignores SIGTERM. */
const STUBBORN = {
  'ignores SIGTERM': 'while :; do sleep 0.2; done',
  forks: 'for i in 1 2 3 4 5; do (while :; do sleep 0.2; done) & done; wait',
  'double-forks with a session of its own':
    '(setsid sh -c "(while :; do sleep 0.2; done) & sleep 1000" &) ; sleep 1000',
  'holds stdout open in a grandchild':
    '(sh -c "while :; do echo still here; sleep 0.2; done" &) ; sleep 1000',
} as const;

export interface CancelCounts {
  canceled: number;
  slowestMs: number;
}

export async function cancelStubbornJobs(options: {
  count: number;
  executor: ExecutorName;
}): Promise<{ counts: CancelCounts; violations: Violations }> {
  const findings = new Findings();
  const counts: CancelCounts = { canceled: 0, slowestMs: 0 };
  const server = await ServerProcess.make(options.executor, ROOM);
  const truth = await Truth.listen(join(server.folder, 'truth.txt'));
  const ids = new Set<string>();
  try {
    const serviceId = await server.seed({ maxShutdownDelaySeconds: GRACE_SECONDS });
    await server.start();
    await rounds(options.count, AT_ONCE, async (round) => {
      const [what, script] = Object.entries(STUBBORN)[round % Object.keys(STUBBORN).length]!;
      const { body } = await server.insist<ShownJob>('POST', `/services/${serviceId}/jobs`, {
        startCommand: `trap '' TERM; exec 2>/dev/null; ${truth.preamble(round)}exec 3<&-; ${script}`,
      });
      ids.add(body.id);
      await until(server, body.id, ({ status }) => status === 'running' && truth.of(round).starts.length > 0);
      const canceledAt = Date.now();
      await server.insist('POST', `/services/${serviceId}/jobs/${body.id}/cancel`);
      const job = await until(server, body.id, ({ finishedAt }) => finishedAt !== undefined);
      const took = Date.parse(job.finishedAt!) - canceledAt;
      counts.slowestMs = Math.max(counts.slowestMs, took);
      if (job.status === 'canceled') counts.canceled += 1;
      else findings.note('wrong status', `${what}: ${JSON.stringify(job)}`);
      if (took < GRACE_SECONDS * 1000 - 50) findings.note('too early', `${what}: ${took} ms`);
      if (took > GRACE_SECONDS * 1000 + SLACK_MS) findings.note('too late', `${what}: ${took} ms`);
      const survivors = instanceProcesses(body.id);
      if (survivors.length > 0) findings.note('survivors', `${what}: ${survivors.length} of ${body.id}`);
    });
    for (const left of await lastingInstances(server.dataDir)) findings.note('leftovers', left);
    await server.stop();
    for (const left of leftovers(server.dataDir, [...ids, ...server.supervisorNames])) {
      findings.note('leftovers', left);
    }
  } finally {
    await server.remove();
    await truth.close();
  }
  return { counts, violations: findings.violations };
}
