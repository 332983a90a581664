/** Any order of events, with duplicates and stale ones: a job gets one final state and keeps it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/db/open.ts';
import {
  findJobById,
  insertJob,
  insertSnapshot,
  type TransitionFacts,
  transitionJob,
} from '../../src/db/queries/jobs.ts';
import type { EndCause, JobsTable, SnapshotsTable } from '../../src/db/schema.ts';
import { type End, exitOf, judge } from '../../src/jobs/end-cause.ts';
import { DEPLOY_EVENTS, DEPLOY_STATUSES, type DeployPhase, nextDeploy } from '../../src/lifecycle/deploy.ts';
import {
  EVENTS,
  isTerminal,
  type JobEvent,
  type JobPhase,
  next,
  PHASES,
  phasesOf,
  publicStatus,
  sources,
  TERMINAL,
} from '../../src/lifecycle/job.ts';
import { SystemClock } from '../../src/shared/clock.ts';
import { newId } from '../../src/shared/ids.ts';

const events = fc.array(fc.constantFrom(...EVENTS), { maxLength: 40 });

/** Applies events as the guarded write does: what is not in the table changes nothing. */
function passed(order: JobEvent[]): JobPhase[] {
  const phases: JobPhase[] = ['pending'];
  for (const event of order) phases.push(next(phases.at(-1)!, event) ?? phases.at(-1)!);
  return phases;
}

describe('the table of jobs', () => {
  test('in 10,000 orders of events, the first final phase is the last phase', () => {
    fc.assert(
      fc.property(events, (order) => {
        const phases = passed(order);
        const first = phases.findIndex(isTerminal);
        if (first >= 0) expect(new Set(phases.slice(first)).size).toBe(1);
      }),
      { numRuns: 10_000 },
    );
  });

  test('every event leads to one phase only, whatever phase it starts from', () => {
    for (const event of EVENTS) {
      expect(new Set(sources(event).map((phase) => next(phase, event))).size, event).toBe(1);
    }
  });

  test('every phase can be reached, every phase that is not final can be left, and no final one can', () => {
    const reached = new Set<JobPhase>(['pending']);
    for (let size = 0; size !== reached.size; ) {
      size = reached.size;
      for (const phase of [...reached]) for (const event of EVENTS) reached.add(next(phase, event) ?? phase);
    }
    expect([...reached].sort()).toEqual([...PHASES].sort());
    for (const phase of PHASES) {
      expect(
        EVENTS.some((event) => next(phase, event) !== undefined),
        phase,
      ).toBe(!TERMINAL.includes(phase));
    }
  });

  test('every phase has one status, and the statuses cover all phases', () => {
    const statuses = ['pending', 'running', 'succeeded', 'failed', 'canceled'] as const;
    expect(statuses.flatMap(phasesOf).sort()).toEqual([...PHASES].sort());
    for (const phase of PHASES) expect(phasesOf(publicStatus(phase))).toContain(phase);
  });
});

test('in 10,000 orders of events, a deploy that is over stays as it is, but that a live one is replaced', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...DEPLOY_EVENTS), { maxLength: 30 }), (order) => {
      let status: DeployPhase = 'queued';
      let over: DeployPhase | undefined;
      for (const event of order) {
        status = nextDeploy(status, event) ?? status;
        if (over === 'live') expect(['live', 'deactivated']).toContain(status);
        else if (over) expect(status).toBe(over);
        if (!['queued', 'build_in_progress'].includes(status)) over = status;
      }
      expect(DEPLOY_STATUSES).toContain(status);
    }),
    { numRuns: 10_000 },
  );
});

const AT = '2026-01-01T00:00:00.000000Z';
const exit = fc.record({
  exitCode: fc.integer({ min: 0, max: 255 }),
  oomKilled: fc.boolean(),
  finishedAt: fc.constant(AT),
});
const end: fc.Arbitrary<End> = fc.oneof(
  fc.record({ kind: fc.constant('exited' as const), exit }),
  fc.record({
    kind: fc.constant('hostStopped' as const),
    message: fc.string(),
    at: fc.constant(AT),
    exit: fc.option(exit, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('diskFull' as const),
    message: fc.string(),
    exit: fc.option(exit, { nil: undefined }),
  }),
  fc.record({ kind: fc.constantFrom('lost' as const, 'neverStarted' as const), message: fc.string() }),
);
const cause = fc.constantFrom<EndCause | null>(null, 'cancel', 'timeout', 'diskFull');

describe('the verdict on an end', () => {
  test('never is a success but for an exit code of 0 that nothing else came before', () => {
    fc.assert(
      fc.property(cause, end, (end_cause, how) => {
        const verdict = judge({ end_cause, timeout_seconds: 5, memory_bytes: 2 ** 29 }, how);
        const clean = how.kind === 'exited' && how.exit.exitCode === 0 && end_cause === null;
        expect(verdict.event === 'succeed').toBe(clean);
      }),
      { numRuns: 10_000 },
    );
  });

  test('keeps the cause that was stored first, and the exit code whatever the cause', () => {
    fc.assert(
      fc.property(cause, end, (end_cause, how) => {
        const verdict = judge({ end_cause, timeout_seconds: 5, memory_bytes: 2 ** 29 }, how);
        if (end_cause) expect(verdict.cause).toBe(end_cause);
        expect(verdict.exitCode).toBe(exitOf(how)?.exitCode);
      }),
      { numRuns: 10_000 },
    );
  });

  test('is accepted in every phase in which an end can be found', () => {
    for (const phase of ['starting', 'running', 'stopping'] as const) {
      const accepted = (['succeed', 'fail', 'cancel'] as const).filter((event) => next(phase, event));
      // A job without a stored cause is not stopping; one that is starting has not exited.
      const needed = {
        starting: ['fail', 'cancel'],
        running: ['succeed', 'fail'],
        stopping: ['fail', 'cancel'],
      };
      expect(accepted).toEqual(needed[phase]);
    }
  });
});

describe('stored jobs', () => {
  let folder: string;
  let database: Database;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'errand-property-'));
    database = await openDatabase(join(folder, 'errand.db'));
    await database.write((trx) => insertSnapshot(trx, SNAPSHOT));
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('in 300 orders of events that arrive together, each job has one final transition and never changes after it', async () => {
    const clock = new SystemClock();
    await fc.assert(
      fc.asyncProperty(events, async (order) => {
        const id = newId('job');
        await database.write((trx) => insertJob(trx, row(id, clock.now())));
        // All at once: they share commits, as the events of a busy server do.
        await Promise.all(
          order.map((event) =>
            database.write((trx) => transitionJob(trx, id, event, clock.now(), factsOf(event))),
          ),
        );
        const expected = passed(order).at(-1);
        expect((await findJobById(database.read, id))?.phase).toBe(expected);
        const transitions = await database.read
          .selectFrom('job_transitions')
          .select('to_phase')
          .where('job_id', '=', id)
          .execute();
        const finals = transitions.filter(({ to_phase }) => isTerminal(to_phase));
        expect(finals.length).toBe(isTerminal(expected!) ? 1 : 0);
      }),
      { numRuns: 300 },
    );
  });
});

/** What the rules of the table ask of a job after the event. */
function factsOf(event: JobEvent): TransitionFacts {
  const at = '2026-01-01T00:00:00.000000Z';
  if (event === 'started') return { started_at: at };
  if (event === 'stop') return { end_cause: 'cancel' };
  if (event === 'succeed') return { finished_at: at, exit_code: 0 };
  return ['fail', 'cancel'].includes(event) ? { finished_at: at } : {};
}

const SNAPSHOT: SnapshotsTable = { id: 'snp-x', service_id: 'srv-x', sealed: '', created_at: '' };

function row(id: string, now: string): JobsTable {
  return {
    id,
    workspace_id: 'tea-x',
    service_id: 'srv-x',
    start_command: 'true',
    plan_id: 'plan-srv-006',
    phase: 'pending',
    artifact_id: 'art-x',
    snapshot_id: 'snp-x',
    memory_bytes: 2 ** 29,
    cpu_millis: 500,
    timeout_seconds: 60,
    grace_seconds: 1,
    end_cause: null,
    exit_code: null,
    signal: null,
    reason: null,
    engine: null,
    boot_id: null,
    deadline_monotonic_ms: null,
    stop_monotonic_ms: null,
    created_at: now,
    started_at: null,
    finished_at: null,
    updated_at: now,
  };
}
