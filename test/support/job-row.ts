/** A job's row for tests of the tables alone. */
import type { JobsTable } from '../../src/db/schema.ts';

/** Of the service `srv-x`; with what its phase requires, unless given. */
export function job(given: Partial<JobsTable>): JobsTable {
  const created = given.created_at ?? '2026-01-01T00:00:00.000000Z';
  return {
    id: 'job-x',
    workspace_id: 'tea-x',
    service_id: 'srv-x',
    start_command: 'true',
    plan_id: 'plan-srv-006',
    phase: 'pending',
    snapshot_id: 'snp-x',
    artifact_id: 'art-x',
    memory_bytes: 1,
    cpu_millis: 1,
    timeout_seconds: 60,
    grace_seconds: 1,
    end_cause: given.phase === 'stopping' ? 'cancel' : null,
    exit_code: given.phase === 'succeeded' ? 0 : null,
    signal: null,
    reason: null,
    engine: null,
    boot_id: null,
    deadline_monotonic_ms: null,
    stop_monotonic_ms: null,
    created_at: created,
    started_at: null,
    finished_at: null,
    updated_at: created,
    ...given,
  };
}
