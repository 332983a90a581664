import type { Queries } from '../open.ts';
import type { DisksTable } from '../schema.ts';
import { allOf, equals, follows, type InstantRange, oneOf, type Page, within } from './conditions.ts';

export interface DiskFilter {
  ids?: string[] | undefined;
  names?: string[] | undefined;
  serviceIds?: string[] | undefined;
  created?: InstantRange;
  updated?: InstantRange;
}

export async function findDisk(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<DisksTable | undefined> {
  return queries
    .selectFrom('disks')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** A service has one disk at most. */
export async function findDiskOfService(
  queries: Queries,
  serviceId: string,
): Promise<DisksTable | undefined> {
  return queries.selectFrom('disks').selectAll().where('service_id', '=', serviceId).executeTakeFirst();
}

export async function insertDisk(trx: Queries, disk: DisksTable): Promise<void> {
  await trx.insertInto('disks').values(disk).execute();
}

export async function updateDiskRow(
  trx: Queries,
  id: string,
  changes: Partial<Pick<DisksTable, 'name' | 'size_gb' | 'mount_path' | 'updated_at'>>,
): Promise<DisksTable | undefined> {
  return trx.updateTable('disks').set(changes).where('id', '=', id).returningAll().executeTakeFirst();
}

export async function deleteDiskRow(trx: Queries, id: string): Promise<void> {
  await trx.deleteFrom('disks').where('id', '=', id).execute();
}

/** Newest first. */
export async function selectDisks(
  queries: Queries,
  workspaceId: string,
  filter: DiskFilter,
  page: Page,
): Promise<DisksTable[]> {
  return queries
    .selectFrom('disks')
    .selectAll()
    .where(
      allOf(
        equals('disks.workspace_id', workspaceId),
        oneOf('disks.id', filter.ids),
        oneOf('disks.name', filter.names),
        oneOf('disks.service_id', filter.serviceIds),
        within('disks.created_at', filter.created),
        within('disks.updated_at', filter.updated),
        follows('disks', page.after),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}
