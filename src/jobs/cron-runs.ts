/**
 * Runs of cron jobs. A run is carried out by a job of the cron job's own command, so everything that holds for jobs
 * holds for it. One run of a service goes at a time: a new one stops the present one and waits for its end, which
 * `concludeJob` tells of in the transaction of that end.
 */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import { insertCronRun, openCronRuns, updateCronRun } from '../db/queries/cron-runs.ts';
import { insertEvent } from '../db/queries/events.ts';
import { findJobById } from '../db/queries/jobs.ts';
import { findAnyService } from '../db/queries/services.ts';
import type { CronRunsTable, ServicesTable } from '../db/schema.ts';
import { ErrandError, invalid } from '../errors.ts';
import { isTerminal } from '../lifecycle/job.ts';
import { findService } from '../services/resolve-service.ts';
import { detailsOf } from '../services/service-details.ts';
import { newId } from '../shared/ids.ts';
import { cancelJob } from './cancel-job.ts';
import { createJob } from './create-job.ts';
import { endCronRun } from './end-cron-run.ts';

export type CronRun = CronRunsTable;

/** The longest that a run may take. */
const RUN_LIMIT_SECONDS = 12 * 3600;

/**
 * Starts a run of a cron job, after ending the one that is under way.
 * @param triggeredBy the key's user, or `schedule`
 * @throws `notFound`; `invalidRequest` for a service that is no cron job, has no command or no successful build
 */
export async function startCronRun(
  context: Context,
  workspaceId: string,
  serviceId: string,
  triggeredBy: string,
): Promise<CronRun> {
  context.hold.requireNone('new runs');
  return context.database.atomic(async (trx) => {
    const service = await findCronJob(trx, workspaceId, serviceId);
    commandOf(service);
    const present = await endOpenRuns(context, trx, service, triggeredBy);
    const run: CronRun = {
      id: newId('run'),
      workspace_id: workspaceId,
      service_id: serviceId,
      job_id: null,
      state: 'waiting',
      status: 'pending',
      triggered_by: triggeredBy,
      canceled_by: null,
      created_at: context.clock.now(),
      started_at: null,
      finished_at: null,
    };
    await insertCronRun(trx, run);
    return present ? run : carryOut(context, trx, service, run);
  });
}

/** Ends the run that is under way and the one that waits for its end; nothing when there is none. @throws `notFound` */
export async function cancelCronRuns(
  context: Context,
  workspaceId: string,
  serviceId: string,
  canceledBy: string,
): Promise<void> {
  await context.database.atomic(async (trx) => {
    const service = await findCronJob(trx, workspaceId, serviceId);
    await endOpenRuns(context, trx, service, canceledBy);
  });
}

/** Carries out the run of a cron job that waits, if nothing is under way. @returns whether one was started */
export async function startWaitingRun(context: Context, serviceId: string): Promise<boolean> {
  return context.database.atomic(async (trx) => {
    const open = await openCronRuns(trx, serviceId);
    const waiting = open.find((run) => run.state === 'waiting');
    if (!waiting || open.some((run) => run.state === 'started')) return false;
    const service = await findAnyService(trx, serviceId);
    if (!service || service.deleted_at !== null) {
      await endCronRun(trx, waiting, 'canceled', { at: context.clock.now() });
      return false;
    }
    try {
      await carryOut(context, trx, service, waiting);
      return true;
    } catch (error) {
      if (!(error instanceof ErrandError) || error.status >= 500) throw error;
      // The service lost its build or its command meanwhile.
      await endCronRun(trx, waiting, 'unsuccessful', { at: context.clock.now() });
      return false;
    }
  });
}

/** A run's status, and the times of its job. */
export async function describeRun(queries: Queries, run: CronRun): Promise<CronRun> {
  if (run.job_id === null || run.state === 'ended') return run;
  const job = await findJobById(queries, run.job_id);
  return { ...run, started_at: job?.started_at ?? null };
}

async function carryOut(
  context: Context,
  trx: Queries,
  service: ServicesTable,
  run: CronRun,
): Promise<CronRun> {
  const job = await createJob(context, service.workspace_id, service.id, {
    startCommand: commandOf(service),
    timeoutSeconds: RUN_LIMIT_SECONDS,
  });
  await insertEvent(trx, {
    workspaceId: service.workspace_id,
    serviceId: service.id,
    type: 'cron_job_run_started',
    details: { cronJobRunId: run.id },
    at: context.clock.now(),
  });
  return updateCronRun(trx, run.id, { job_id: job.id, state: 'started' });
}

/** @returns the started run, where its job needs a while to end */
async function endOpenRuns(
  context: Context,
  trx: Queries,
  service: ServicesTable,
  canceledBy: string,
): Promise<CronRun | undefined> {
  let ending: CronRun | undefined;
  const open = await openCronRuns(trx, service.id);
  // Those that wait first, so that the end of the started one finds none.
  for (const run of open.filter((one) => one.state === 'waiting')) {
    await updateCronRun(trx, run.id, { canceled_by: canceledBy });
    await endCronRun(trx, run, 'canceled', { at: context.clock.now() });
  }
  for (const run of open.filter((one) => one.state === 'started')) {
    if (run.canceled_by === null) await updateCronRun(trx, run.id, { canceled_by: canceledBy });
    const job = await findJobById(trx, run.job_id!);
    if (!job || isTerminal(job.phase)) continue;
    const canceled = await cancelJob(context, service.workspace_id, job.id);
    if (!isTerminal(canceled.phase)) ending = run;
  }
  return ending;
}

async function findCronJob(trx: Queries, workspaceId: string, serviceId: string): Promise<ServicesTable> {
  const service = await findService(trx, workspaceId, serviceId);
  if (service.type !== 'cron_job')
    throw invalid(`${serviceId} is a ${service.type}; only a cron_job has runs`);
  return service;
}

/** The command of the service's own. @throws `invalidRequest` where it has none */
function commandOf(service: ServicesTable): string {
  const { envSpecificDetails = {} } = detailsOf(service);
  const command = envSpecificDetails.startCommand || envSpecificDetails.dockerCommand;
  if (!command)
    throw invalid(`cron job ${service.id} has no startCommand: set one in its envSpecificDetails`);
  return command;
}
