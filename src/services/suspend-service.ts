import type { Context } from '../context.ts';
import { insertEvent } from '../db/queries/events.ts';
import { updateServiceRow } from '../db/queries/services.ts';
import { findService } from './resolve-service.ts';

/**
 * Marks a service as suspended by a user. Its running jobs go on, and new ones are accepted. Suspending a suspended
 * service changes nothing. @throws `notFound`
 */
export async function suspendService(
  context: Context,
  workspaceId: string,
  serviceId: string,
): Promise<void> {
  await setSuspended(context, workspaceId, serviceId, true);
}

/** Takes the suspension back; nothing when there is none. @throws `notFound` */
export async function resumeService(context: Context, workspaceId: string, serviceId: string): Promise<void> {
  await setSuspended(context, workspaceId, serviceId, false);
}

async function setSuspended(
  context: Context,
  workspaceId: string,
  serviceId: string,
  suspended: boolean,
): Promise<void> {
  await context.database.write(async (trx) => {
    const service = await findService(trx, workspaceId, serviceId);
    if ((service.suspended === 1) === suspended) return;
    const at = context.clock.now();
    await updateServiceRow(trx, serviceId, {
      suspended: suspended ? 1 : 0,
      suspenders: JSON.stringify(suspended ? ['user'] : []),
      updated_at: at,
    });
    const type = suspended ? 'service_suspended' : 'service_resumed';
    await insertEvent(trx, { workspaceId, serviceId, type, details: {}, at });
  });
}
