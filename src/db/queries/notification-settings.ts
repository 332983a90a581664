import type { Queries } from '../open.ts';
import type { NotificationOverridesTable, NotificationSettingsTable } from '../schema.ts';
import { allOf, equals, follows, oneOf, type Page } from './conditions.ts';

export async function findNotificationSettings(
  queries: Queries,
  workspaceId: string,
): Promise<NotificationSettingsTable | undefined> {
  return queries
    .selectFrom('notification_settings')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
}

export async function putNotificationSettings(
  trx: Queries,
  settings: NotificationSettingsTable,
): Promise<void> {
  const { workspace_id: _, ...changes } = settings;
  await trx
    .insertInto('notification_settings')
    .values(settings)
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet(changes))
    .execute();
}

export async function findNotificationOverride(
  queries: Queries,
  serviceId: string,
): Promise<NotificationOverridesTable | undefined> {
  return queries
    .selectFrom('notification_overrides')
    .selectAll()
    .where('service_id', '=', serviceId)
    .executeTakeFirst();
}

export async function putNotificationOverride(
  trx: Queries,
  override: NotificationOverridesTable,
): Promise<void> {
  const { service_id: _, workspace_id: __, ...changes } = override;
  await trx
    .insertInto('notification_overrides')
    .values(override)
    .onConflict((conflict) => conflict.column('service_id').doUpdateSet(changes))
    .execute();
}

/** Overrides of services that are not deleted, in the order of services, newest first. */
export async function selectNotificationOverrides(
  queries: Queries,
  workspaceId: string,
  filter: { serviceIds?: string[] | undefined },
  page: Page,
): Promise<(NotificationOverridesTable & { created_at: string })[]> {
  return queries
    .selectFrom('notification_overrides')
    .innerJoin('services', 'services.id', 'notification_overrides.service_id')
    .selectAll('notification_overrides')
    .select('services.created_at')
    .where('services.deleted_at', 'is', null)
    .where(
      allOf(
        equals('notification_overrides.workspace_id', workspaceId),
        oneOf('notification_overrides.service_id', filter.serviceIds),
        follows('services', page.after),
      ),
    )
    .orderBy('services.created_at', 'desc')
    .orderBy('services.id', 'desc')
    .limit(page.limit)
    .execute();
}
