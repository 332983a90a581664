import type { Queries } from '../open.ts';

/** Removes what is recorded beside a service and means nothing without it. */
export async function deleteBelongingsOf(trx: Queries, serviceId: string): Promise<void> {
  for (const table of ['env_group_links', 'disks', 'custom_domains', 'notification_overrides'] as const) {
    await trx.deleteFrom(table).where('service_id', '=', serviceId).execute();
  }
}
