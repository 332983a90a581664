import type { Context } from '../context.ts';
import { insertEvent } from '../db/queries/events.ts';
import { updateServiceRow } from '../db/queries/services.ts';
import type { ServicesTable } from '../db/schema.ts';
import { notFound } from '../errors.ts';
import { requireFreeName } from './create-service.ts';
import { findService } from './resolve-service.ts';
import { requireGivenCredential } from './service-credential.ts';
import { detailColumns, detailsOf, mergeDetails } from './service-details.ts';
import { requireSource, type ServiceFields, sourceColumns } from './service-input.ts';
import { checkName } from './service-rules.ts';

/**
 * Changes the fields that are given. Nothing is deployed by it, and no running job notices.
 * @throws `notFound`; `invalidRequest` for a field that breaks a rule; `conflict` for a name in use
 */
export async function updateService(
  context: Context,
  workspaceId: string,
  serviceId: string,
  given: ServiceFields,
): Promise<ServicesTable> {
  return context.database.write(async (trx) => {
    const current = await findService(trx, workspaceId, serviceId);
    const name = given.name ?? current.name;
    if (name !== current.name) {
      checkName(name);
      await requireFreeName(trx, workspaceId, name);
    }
    await requireGivenCredential(trx, workspaceId, given);
    const details = mergeDetails(current.type, detailsOf(current), given.serviceDetails ?? {});
    const columns = { name, ...sourceColumns(context, current, given), ...detailColumns(details) };
    requireSource(columns);
    const at = context.clock.now();
    const updated = await updateServiceRow(trx, serviceId, { ...columns, updated_at: at });
    if (!updated) throw notFound(serviceId);
    if (updated.plan !== current.plan) {
      await insertEvent(trx, {
        workspaceId,
        serviceId,
        type: 'plan_changed',
        details: { from: current.plan, to: updated.plan },
        at,
      });
    }
    return updated;
  });
}
