import type { Queries } from '../open.ts';
import type { EnvironmentsTable } from '../schema.ts';
import { allOf, equals, follows, type InstantRange, oneOf, type Page, within } from './conditions.ts';

export interface EnvironmentFilter {
  ids?: string[] | undefined;
  names?: string[] | undefined;
  projectIds?: string[] | undefined;
  created?: InstantRange;
  updated?: InstantRange;
}

export async function findEnvironment(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<EnvironmentsTable | undefined> {
  return queries
    .selectFrom('environments')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function insertEnvironment(trx: Queries, environment: EnvironmentsTable): Promise<void> {
  await trx.insertInto('environments').values(environment).execute();
}

export async function updateEnvironmentRow(
  trx: Queries,
  id: string,
  changes: Partial<Omit<EnvironmentsTable, 'id' | 'workspace_id'>>,
): Promise<void> {
  await trx.updateTable('environments').set(changes).where('id', '=', id).execute();
}

/** Removes an environment; what was in it is in none afterwards. */
export async function deleteEnvironmentRow(trx: Queries, id: string): Promise<void> {
  await trx.updateTable('services').set({ environment_id: null }).where('environment_id', '=', id).execute();
  await trx
    .updateTable('env_groups')
    .set({ environment_id: null })
    .where('environment_id', '=', id)
    .execute();
  await trx.deleteFrom('environments').where('id', '=', id).execute();
}

/** Environments of projects, oldest first. */
export async function environmentsOf(
  queries: Queries,
  projectIds: readonly string[],
): Promise<EnvironmentsTable[]> {
  if (projectIds.length === 0) return [];
  return queries
    .selectFrom('environments')
    .selectAll()
    .where('project_id', 'in', projectIds)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** Newest first. */
export async function selectEnvironments(
  queries: Queries,
  workspaceId: string,
  filter: EnvironmentFilter,
  page: Page,
): Promise<EnvironmentsTable[]> {
  return queries
    .selectFrom('environments')
    .selectAll()
    .where(
      allOf(
        equals('environments.workspace_id', workspaceId),
        oneOf('environments.id', filter.ids),
        oneOf('environments.name', filter.names),
        oneOf('environments.project_id', filter.projectIds),
        within('environments.created_at', filter.created),
        within('environments.updated_at', filter.updated),
        follows('environments', page.after),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}

export interface Contents {
  environmentId: string;
  serviceIds: string[];
  envGroupIds: string[];
}

/** What is in each of the environments, oldest first. */
export async function contentsOf(queries: Queries, environmentIds: readonly string[]): Promise<Contents[]> {
  if (environmentIds.length === 0) return [];
  const services = await queries
    .selectFrom('services')
    .select(['id', 'environment_id'])
    .where('environment_id', 'in', environmentIds)
    .where('deleted_at', 'is', null)
    .orderBy('created_at')
    .execute();
  const groups = await queries
    .selectFrom('env_groups')
    .select(['id', 'environment_id'])
    .where('environment_id', 'in', environmentIds)
    .orderBy('created_at')
    .execute();
  return environmentIds.map((environmentId) => ({
    environmentId,
    serviceIds: services.filter((one) => one.environment_id === environmentId).map((one) => one.id),
    envGroupIds: groups.filter((one) => one.environment_id === environmentId).map((one) => one.id),
  }));
}

/** The environment that a service or group is in: null for none, undefined when there is no such resource. */
export async function environmentOf(
  queries: Queries,
  workspaceId: string,
  resourceId: string,
): Promise<string | null | undefined> {
  for (const table of ['services', 'env_groups'] as const) {
    const row = await queries
      .selectFrom(table)
      .select('environment_id')
      .where('workspace_id', '=', workspaceId)
      .where('id', '=', resourceId)
      .$if(table === 'services', (query) => query.where('services.deleted_at', 'is', null))
      .executeTakeFirst();
    if (row) return row.environment_id;
  }
  return undefined;
}

/** Puts services and groups of a workspace into an environment, or into none; returns how many there were. */
export async function moveToEnvironment(
  trx: Queries,
  workspaceId: string,
  ids: readonly string[],
  environmentId: string | null,
): Promise<number> {
  let moved = 0n;
  for (const table of ['services', 'env_groups'] as const) {
    const result = await trx
      .updateTable(table)
      .set({ environment_id: environmentId })
      .where('workspace_id', '=', workspaceId)
      .where('id', 'in', ids)
      .$if(table === 'services', (query) => query.where('services.deleted_at', 'is', null))
      .executeTakeFirst();
    moved += result.numUpdatedRows;
  }
  return Number(moved);
}
