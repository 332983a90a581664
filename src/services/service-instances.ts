/**
 * How many instances a service wants, and that they start anew: recorded and told as events, for clients that manage
 * them beside a service. Errand keeps no service running.
 */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import { insertEvent } from '../db/queries/events.ts';
import { updateServiceRow } from '../db/queries/services.ts';
import type { ServicesTable } from '../db/schema.ts';
import { invalid } from '../errors.ts';
import { findService } from './resolve-service.ts';
import { detailsOf, type ServiceDetails } from './service-details.ts';
import { checkWholeNumber } from './service-rules.ts';

export interface Autoscaling {
  enabled: boolean;
  min: number;
  max: number;
  criteria: Record<'cpu' | 'memory', { enabled: boolean; percentage: number }>;
}

const MAX_INSTANCES = 1000;

/** Tells that a restart was asked for. @throws `notFound`, `invalidRequest` for a suspended service or a cron job */
export async function restartService(
  context: Context,
  caller: { workspaceId: string; keyId: string },
  serviceId: string,
): Promise<void> {
  await change(context, caller.workspaceId, serviceId, async (trx, service) => {
    if (service.suspended === 1) throw invalid(`${serviceId} is suspended; resume it first`);
    const details = { triggeredByUser: caller.keyId.replace(/^key-/, 'usr-') };
    await tell(context, trx, service, 'server_restarted', details);
  });
}

/** Records the number of instances. @throws `notFound`, `invalidRequest` */
export async function scaleService(
  context: Context,
  workspaceId: string,
  serviceId: string,
  numInstances: number,
): Promise<void> {
  checkWholeNumber('numInstances', numInstances, 0, MAX_INSTANCES);
  await change(context, workspaceId, serviceId, async (trx, service) => {
    const details = detailsOf(service);
    const fromInstances = Number(details['numInstances'] ?? 1);
    if (fromInstances === numInstances) return;
    await storeDetails(context, trx, service, { ...details, numInstances });
    const told = { fromInstances, toInstances: numInstances };
    await tell(context, trx, service, 'instance_count_changed', told);
  });
}

/** Records how the service is to scale. @throws `notFound`, `invalidRequest` */
export async function setAutoscaling(
  context: Context,
  workspaceId: string,
  serviceId: string,
  { enabled, min, max, criteria }: Autoscaling,
): Promise<Autoscaling> {
  const { cpu, memory } = criteria;
  checkWholeNumber('min', min, 1, MAX_INSTANCES);
  checkWholeNumber('max', max, min, MAX_INSTANCES);
  checkWholeNumber('criteria.cpu.percentage', cpu.percentage, 1, 100);
  checkWholeNumber('criteria.memory.percentage', memory.percentage, 1, 100);
  // Only what the contract names: a body may hold more.
  const criterion = (one: Autoscaling['criteria']['cpu']) => ({
    enabled: one.enabled,
    percentage: one.percentage,
  });
  const autoscaling = {
    enabled,
    min,
    max,
    criteria: { cpu: criterion(cpu), memory: criterion(memory) },
  };
  await change(context, workspaceId, serviceId, async (trx, service) => {
    const details = detailsOf(service);
    await storeDetails(context, trx, service, { ...details, autoscaling });
    await tell(context, trx, service, 'autoscaling_config_changed', {
      ...(details['autoscaling'] ? { fromConfig: details['autoscaling'] } : {}),
      toConfig: autoscaling,
    });
  });
  return autoscaling;
}

/** Forgets how the service is to scale; nothing where nothing is recorded. @throws `notFound` */
export async function removeAutoscaling(
  context: Context,
  workspaceId: string,
  serviceId: string,
): Promise<void> {
  await change(context, workspaceId, serviceId, async (trx, service) => {
    const { autoscaling: _, ...details } = detailsOf(service);
    await storeDetails(context, trx, service, details as ServiceDetails);
  });
}

async function change(
  context: Context,
  workspaceId: string,
  serviceId: string,
  work: (trx: Queries, service: ServicesTable) => Promise<void>,
): Promise<void> {
  await context.database.write(async (trx) => {
    const service = await findService(trx, workspaceId, serviceId);
    if (service.type === 'cron_job') {
      throw invalid(`${serviceId} is a cron job: it runs by its schedule and has no instances between runs`);
    }
    await work(trx, service);
  });
}

async function storeDetails(
  context: Context,
  trx: Queries,
  service: ServicesTable,
  details: ServiceDetails,
): Promise<void> {
  const changes = { details: JSON.stringify(details), updated_at: context.clock.now() };
  await updateServiceRow(trx, service.id, changes);
}

async function tell(
  context: Context,
  trx: Queries,
  service: ServicesTable,
  type: string,
  details: Record<string, unknown>,
): Promise<void> {
  await insertEvent(trx, {
    workspaceId: service.workspace_id,
    serviceId: service.id,
    type,
    details,
    at: context.clock.now(),
  });
}
