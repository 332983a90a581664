/** Accepts a job: validates, freezes the snapshot and stores both durably before it returns. */
import type { Context } from '../context.ts';
import { insertJob } from '../db/queries/jobs.ts';
import type { JobsTable, ServicesTable } from '../db/schema.ts';
import { invalid, quote } from '../errors.ts';
import { type InstanceType, resolveInstanceType } from '../services/plans.ts';
import { crashPoint } from '../shared/crash-points.ts';
import { newId } from '../shared/ids.ts';
import { misfit } from './capacity.ts';
import { type JobBase, jobBase } from './job-base.ts';

export interface JobInput {
  startCommand: string;
  /** An instance type's id or plan name; '' counts as none. */
  planId?: string;
  timeoutSeconds?: number;
}

const MAX_COMMAND_BYTES = 256 * 1024;
/** The longest a job may run, and its limit where none is given: 30 days. */
export const MAX_TIMEOUT_SECONDS = 30 * 24 * 3600;
const DEFAULT_GRACE_SECONDS = 30;

/**
 * Creates a pending job of a service.
 * @throws `notFound` for the service; `invalidRequest` for the command, the instance type, the timeout, or a service
 * without a successful build; `unavailable` when the disk is nearly full
 */
export async function createJob(
  context: Context,
  workspaceId: string,
  serviceId: string,
  input: JobInput,
): Promise<JobsTable> {
  checkCommand(input.startCommand);
  checkTimeout(input.timeoutSeconds);
  context.hold.requireNone('new jobs');
  context.diskReserve.requireRoom('new jobs');
  const job = await context.database.write(async (trx) => {
    const base = await jobBase(context, trx, workspaceId, serviceId);
    const row = jobRow(context, base, instanceTypeFor(context, base.service, input.planId), input);
    await insertJob(trx, row);
    return row;
  }, 'jobs');
  crashPoint('job-committed');
  context.nudge.dispatch();
  return job;
}

function checkCommand(command: string): void {
  if (command.trim() === '') throw invalid('startCommand must not be empty');
  if (command.includes('\0')) throw invalid('startCommand must not contain a NUL character');
  const size = Buffer.byteLength(command);
  if (size > MAX_COMMAND_BYTES) {
    throw invalid(`startCommand may have up to ${MAX_COMMAND_BYTES} bytes (256 KiB), got ${size}`);
  }
}

function checkTimeout(seconds: number | undefined): void {
  if (seconds === undefined) return;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TIMEOUT_SECONDS) {
    throw invalid(
      `timeoutSeconds must be a whole number from 1 to ${MAX_TIMEOUT_SECONDS} (30 days), got ${quote(seconds)}`,
    );
  }
}

function instanceTypeFor(context: Context, service: ServicesTable, planId: string | undefined): InstanceType {
  const family = service.type === 'cron_job' ? 'crn' : 'srv';
  const type = resolveInstanceType(family, planId, service.plan);
  const why = misfit(context.config.capacity, type);
  if (why) throw invalid(`instance type ${type.id} (${type.plan}) ${why}: choose a smaller planId`);
  return type;
}

function jobRow(
  context: Context,
  { service, artifactId, snapshotId }: JobBase,
  type: InstanceType,
  input: JobInput,
): JobsTable {
  const now = context.clock.now();
  const details = JSON.parse(service.details) as { maxShutdownDelaySeconds?: number };
  return {
    id: newId('job'),
    workspace_id: service.workspace_id,
    service_id: service.id,
    start_command: input.startCommand,
    plan_id: type.id,
    phase: 'pending',
    snapshot_id: snapshotId,
    artifact_id: artifactId,
    memory_bytes: type.memoryBytes,
    cpu_millis: type.cpuMillis,
    timeout_seconds: input.timeoutSeconds ?? MAX_TIMEOUT_SECONDS,
    grace_seconds: details.maxShutdownDelaySeconds ?? DEFAULT_GRACE_SECONDS,
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
