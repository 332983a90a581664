/** Environment groups and their links to services. Their values are rows of `env_vars` and `secret_files`. */
import type { Queries } from '../open.ts';
import type { EnvGroupsTable, ServiceKind } from '../schema.ts';
import { allOf, equals, follows, type InstantRange, oneOf, type Page, within } from './conditions.ts';

export interface EnvGroupFilter {
  names?: string[] | undefined;
  environmentIds?: string[] | undefined;
  created?: InstantRange;
  updated?: InstantRange;
}

export interface LinkedService {
  group_id: string;
  id: string;
  name: string;
  type: ServiceKind;
}

export async function findEnvGroup(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<EnvGroupsTable | undefined> {
  return queries
    .selectFrom('env_groups')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function insertEnvGroup(trx: Queries, group: EnvGroupsTable): Promise<void> {
  await trx.insertInto('env_groups').values(group).execute();
}

export async function updateEnvGroupRow(
  trx: Queries,
  id: string,
  changes: Partial<Pick<EnvGroupsTable, 'name' | 'updated_at'>>,
): Promise<void> {
  await trx.updateTable('env_groups').set(changes).where('id', '=', id).execute();
}

/** Removes a group with its links. */
export async function deleteEnvGroupRow(trx: Queries, id: string): Promise<void> {
  await trx.deleteFrom('env_group_links').where('group_id', '=', id).execute();
  await trx.deleteFrom('env_groups').where('id', '=', id).execute();
}

/** Newest first. */
export async function selectEnvGroups(
  queries: Queries,
  workspaceId: string,
  filter: EnvGroupFilter,
  page: Page,
): Promise<EnvGroupsTable[]> {
  return queries
    .selectFrom('env_groups')
    .selectAll()
    .where(
      allOf(
        equals('env_groups.workspace_id', workspaceId),
        oneOf('env_groups.name', filter.names),
        oneOf('env_groups.environment_id', filter.environmentIds),
        within('env_groups.created_at', filter.created),
        within('env_groups.updated_at', filter.updated),
        follows('env_groups', page.after),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}

/** Links a service to a group; nothing when it is linked. */
export async function insertEnvGroupLink(
  trx: Queries,
  groupId: string,
  serviceId: string,
  at: string,
): Promise<void> {
  await trx
    .insertInto('env_group_links')
    .values({ group_id: groupId, service_id: serviceId, created_at: at })
    .onConflict((conflict) => conflict.columns(['service_id', 'group_id']).doNothing())
    .execute();
}

/** Whether there was a link. */
export async function deleteEnvGroupLink(trx: Queries, groupId: string, serviceId: string): Promise<boolean> {
  const gone = await trx
    .deleteFrom('env_group_links')
    .where('group_id', '=', groupId)
    .where('service_id', '=', serviceId)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

/** Services that are linked to the groups, in the order of linking. */
export async function servicesLinkedTo(
  queries: Queries,
  groupIds: readonly string[],
): Promise<LinkedService[]> {
  if (groupIds.length === 0) return [];
  return queries
    .selectFrom('env_group_links')
    .innerJoin('services', 'services.id', 'env_group_links.service_id')
    .select(['env_group_links.group_id', 'services.id', 'services.name', 'services.type'])
    .where('env_group_links.group_id', 'in', groupIds)
    .where('services.deleted_at', 'is', null)
    .orderBy('env_group_links.created_at')
    .execute();
}

/** Ids of the groups that a service is linked to, the oldest group first. */
export async function groupsOfService(queries: Queries, serviceId: string): Promise<string[]> {
  const rows = await queries
    .selectFrom('env_group_links')
    .innerJoin('env_groups', 'env_groups.id', 'env_group_links.group_id')
    .select('env_groups.id')
    .where('env_group_links.service_id', '=', serviceId)
    .orderBy('env_groups.created_at')
    .orderBy('env_groups.id')
    .execute();
  return rows.map((row) => row.id);
}
