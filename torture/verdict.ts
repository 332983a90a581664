/** Compares what Errand says and left with the truth. Each difference is a violation; a good run has none. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import type { Jobs, ShownJob, Submitted } from './jobs.ts';
import { lastingInstances, leftovers } from './leftovers.ts';
import { outputOf } from './output.ts';
import type { ServerProcess } from './server-process.ts';
import type { Truth } from './truth.ts';
import { lineOf } from './workload.ts';

/** Kind of violation → what was seen. */
export type Violations = Map<string, string[]>;

export interface Counts {
  submitted: number;
  answered: number;
  unansweredButThere: number;
  succeeded: number;
  failed: number;
  canceled: number;
  lines: number;
  truthStarts: number;
}

/** Time that the rest may take once nobody kills the server any more, for each job that is not final. */
const DRAIN_MS_PER_JOB = 2000;

/** Waits until every job is final, then looks at everything. The server runs, and is stopped in the end. */
export async function judgeRun(
  server: ServerProcess,
  jobs: Jobs,
  truth: Truth,
): Promise<{ counts: Counts; violations: Violations }> {
  const violations: Violations = new Map();
  const note = (kind: string, what: string): void => {
    violations.set(kind, [...(violations.get(kind) ?? []), what]);
  };
  await jobs.findUnanswered();
  await jobs.cancelsDone();
  const shown = await allFinal(jobs, note);
  const counts = countOf(jobs, shown, truth);
  const byId = new Map(shown.map((job) => [job.id, job]));
  const numbers = new Set<string>();
  for (const job of shown) {
    if (numbers.has(job.startCommand)) note('created twice', job.id);
    numbers.add(job.startCommand);
  }
  for (const one of jobs.submitted) {
    const job = one.jobId === undefined ? undefined : byId.get(one.jobId);
    if (one.jobId !== undefined && !job) note('lost', `job ${one.task.number} ${one.jobId}`);
    const { starts } = truth.of(one.task.number);
    if (starts.length > 1) note('started twice', `job ${one.task.number}: ${starts.join(' ')}`);
    if (!job) {
      if (starts.length > 0) note('ran without a record', `job ${one.task.number}`);
      continue;
    }
    for (const [kind, what] of wrongEnd(one, job, truth)) {
      note(kind, `${name(one, job)}: ${what}; ${JSON.stringify({ ...job, startCommand: undefined })}`);
    }
    const { count, wrong } = await checkLines(server, one, job, truth);
    counts.lines += count;
    if (wrong) note('lines', `${name(one, job)}: ${wrong}`);
  }
  for (const left of await lastingInstances(server.dataDir)) note('leftovers', left);
  await server.stop();
  for (const left of leftovers(server.dataDir, [...byId.keys(), ...server.supervisorNames]))
    note('leftovers', left);
  for (const wrong of wrongRecords(server.dataDir)) note('records', wrong);
  return { counts, violations };
}

const name = ({ task }: Submitted, job: ShownJob): string => `job ${task.number} (${task.kind}) ${job.id}`;

async function allFinal(jobs: Jobs, note: (kind: string, what: string) => void): Promise<ShownJob[]> {
  let shown = await jobs.all();
  const open = (): ShownJob[] => shown.filter(({ finishedAt }) => finishedAt === undefined);
  const deadline = performance.now() + 30_000 + open().length * DRAIN_MS_PER_JOB;
  while (open().length > 0 && performance.now() < deadline) {
    await delay(200);
    shown = await jobs.all();
  }
  for (const job of open()) note('stuck', `${job.id} is ${job.status}`);
  return shown;
}

function countOf(jobs: Jobs, shown: ShownJob[], truth: Truth): Counts {
  const answered = jobs.submitted.filter((one) => one.wasAnswered).length;
  const having = (status: string): number => shown.filter((job) => job.status === status).length;
  return {
    submitted: jobs.submitted.length,
    answered,
    unansweredButThere: shown.length - answered,
    succeeded: having('succeeded'),
    failed: having('failed'),
    canceled: having('canceled'),
    lines: 0,
    truthStarts: jobs.submitted.reduce((sum, { task }) => sum + truth.of(task.number).starts.length, 0),
  };
}

function wrongEnd({ task, cancel }: Submitted, job: ShownJob, truth: Truth): [kind: string, what: string][] {
  const told = truth.of(task.number);
  const natural = task.exitCode === 0 ? 'succeeded' : 'failed';
  const expected: Record<string, string[]> = {
    canceled: ['canceled'],
    ignoresTerm: ['canceled'],
    timesOut: ['failed'],
    canceledAtOnce:
      cancel === 'accepted' ? ['canceled'] : cancel === 'refused' ? [natural] : ['canceled', natural],
  };
  const accepted = expected[task.kind] ?? [natural];
  const found: [string, string][] = [];
  if (job.reason?.lost || job.reason?.startFailed) found.push(['declared lost', 'nothing was lost']);
  if (job.status === 'canceled' && told.starts.length > 0 && job.exitCode === undefined) {
    found.push(['declared lost', 'it was canceled, and has no exit code']);
  }
  if (!accepted.includes(job.status)) found.push(['wrong status', `${accepted.join(' or ')} was expected`]);
  const endedByItself = job.status === natural && task.kind !== 'timesOut';
  if (endedByItself && job.exitCode !== task.exitCode) {
    found.push(['wrong exit code', `${task.exitCode} was expected`]);
  }
  if (endedByItself && (told.starts.length !== 1 || !told.ended)) {
    found.push(['recorded but did not run', `the truth has ${JSON.stringify(told)}`]);
  }
  if (task.kind === 'timesOut' && job.reason?.timedOutSeconds !== task.timeoutSeconds) {
    found.push(['wrong status', 'the timeout was expected as the reason']);
  }
  if (told.starts.length > 0 && !job.startedAt) found.push(['records', 'it ran and has no start']);
  if (job.startedAt && !(job.createdAt <= job.startedAt && job.startedAt <= job.finishedAt!)) {
    found.push(['records', 'times are out of order']);
  }
  return found;
}

/** All lines of a job that ended by itself; of one that was ended, a beginning without a gap. */
async function checkLines(
  server: ServerProcess,
  { task }: Submitted,
  job: ShownJob,
  truth: Truth,
): Promise<{ count: number; wrong?: string }> {
  let count = 0;
  for await (const message of outputOf(server, job.id)) {
    count += 1;
    if (message !== lineOf(task.number, count)) {
      return { count, wrong: `line ${count} is ${JSON.stringify(message)}` };
    }
  }
  if (job.status === 'canceled' || task.kind === 'timesOut') {
    const { printed } = truth.of(task.number);
    return count < printed
      ? { count, wrong: `${printed} lines were printed, ${count} are stored` }
      : { count };
  }
  return count === task.lines
    ? { count }
    : { count, wrong: `${task.lines} lines were expected, ${count} are stored` };
}

/** Rules that the stored rows keep. The server is stopped. */
function wrongRecords(dataDir: string): string[] {
  const database = new DatabaseSync(join(dataDir, 'errand.db'), { readOnly: true });
  try {
    const ids = (sql: string): string[] =>
      database
        .prepare(sql)
        .all()
        .map((row) => String(row['id']));
    const damage = database
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => Object.values(row)[0]);
    return [
      ...damage.filter((line) => line !== 'ok').map((line) => `integrity: ${line}`),
      ...ids(
        `SELECT jobs.id FROM jobs LEFT JOIN job_transitions ON job_id = jobs.id
           AND to_phase IN ('succeeded', 'failed', 'canceled') GROUP BY jobs.id HAVING count(job_id) <> 1`,
      ).map((id) => `${id} has not exactly one final transition`),
      ...ids(
        `SELECT jobs.id FROM jobs LEFT JOIN usage_records ON job_id = jobs.id
         WHERE (started_at_of_usage IS NULL) <> (jobs.started_at IS NULL)`.replace(
          'started_at_of_usage',
          'usage_records.started_at',
        ),
      ).map((id) => `${id} has no usage record although it started, or one although it did not`),
      ...ids(
        `SELECT jobs.id FROM jobs LEFT JOIN events ON events.type = 'job_run_ended'
           AND events.details LIKE '%' || jobs.id || '%' GROUP BY jobs.id HAVING count(events.id) <> 1`,
      ).map((id) => `${id} has not exactly one event of its end`),
    ];
  } finally {
    database.close();
  }
}

/** Said even when there is none of it. */
const KINDS = ['lost', 'started twice', 'stuck', 'wrong status', 'wrong exit code', 'lines', 'leftovers'];

/** For people: what was counted and what was wrong. */
export function describeVerdict(counts: object, violations: Violations): string {
  const lines = [
    Object.entries(counts)
      .map(([what, count]) => `${what} ${count}`)
      .join(', '),
  ];
  if ('submitted' in counts) {
    lines.push(`  ${KINDS.map((kind) => `${kind}: ${violations.get(kind)?.length ?? 0}`).join(', ')}`);
  }
  for (const [kind, seen] of violations) {
    for (const one of seen.slice(0, 20)) lines.push(`  ! ${kind}: ${one}`);
  }
  return lines.join('\n');
}
