/** Services. A deleted one keeps its row, so that its jobs, deploys and events stay readable by id. */
import type { Queries } from '../open.ts';
import { prepared } from '../prepared.ts';
import type { ServiceKind, ServicesTable } from '../schema.ts';

const serviceById = prepared((queries, { id }: { id: string }) =>
  queries.selectFrom('services').selectAll().where('id', '=', id),
);

/** A service of the workspace that is not deleted. */
export async function findServiceById(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<ServicesTable | undefined> {
  const service = await findServiceWithDeleted(queries, workspaceId, id);
  return service?.deleted_at === null ? service : undefined;
}

/** A service of the workspace, deleted or not: what is left of a deleted one stays readable. */
export async function findServiceWithDeleted(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<ServicesTable | undefined> {
  const service = await findAnyService(queries, id);
  return service?.workspace_id === workspaceId ? service : undefined;
}

/** A service of whatever workspace, deleted or not: for the server's own work. */
export async function findAnyService(queries: Queries, id: string): Promise<ServicesTable | undefined> {
  return serviceById.first(queries, { id });
}

/** The extra fields of services of whatever workspace, deleted or not, in no particular order. */
export async function extrasOfServices(
  queries: Queries,
  ids: readonly string[],
): Promise<Pick<ServicesTable, 'id' | 'extra'>[]> {
  if (ids.length === 0) return [];
  return queries.selectFrom('services').select(['id', 'extra']).where('id', 'in', ids).execute();
}

/** Services of all workspaces that have a repository, by id after `afterId`: for the server's own work. */
export async function selectRepositories(
  queries: Queries,
  afterId: string,
  limit: number,
): Promise<{ id: string; repo: string }[]> {
  return queries
    .selectFrom('services')
    .select(['id', 'repo'])
    .where('id', '>', afterId)
    .where('repo', 'is not', null)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .limit(limit)
    .$narrowType<{ repo: string }>()
    .execute();
}

/** The service that holds a name, among those not deleted. */
export async function findServiceByName(
  queries: Queries,
  workspaceId: string,
  name: string,
): Promise<ServicesTable | undefined> {
  return queries
    .selectFrom('services')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
}

/** Whether any service, deleted or not, has the slug. */
export async function slugExists(queries: Queries, slug: string): Promise<boolean> {
  const row = await queries.selectFrom('services').select('id').where('slug', '=', slug).executeTakeFirst();
  return row !== undefined;
}

export async function insertService(trx: Queries, service: ServicesTable): Promise<void> {
  await trx.insertInto('services').values(service).execute();
}

/** Changes columns of a service and returns it as it is then; undefined when it is not there any more. */
export async function updateServiceRow(
  trx: Queries,
  id: string,
  changes: Partial<Omit<ServicesTable, 'id' | 'workspace_id'>>,
): Promise<ServicesTable | undefined> {
  return trx
    .updateTable('services')
    .set(changes)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}

/** What a list of services can be narrowed by; a list of values means: any of them. Instants exclude themselves. */
export interface ServiceFilter {
  name?: readonly string[] | undefined;
  type?: readonly ServiceKind[] | undefined;
  runtime?: readonly string[] | undefined;
  region?: readonly string[] | undefined;
  environmentId?: readonly string[] | undefined;
  suspended?: boolean | undefined;
  createdBefore?: string | undefined;
  createdAfter?: string | undefined;
  updatedBefore?: string | undefined;
  updatedAfter?: string | undefined;
}

/** Services of a workspace, newest first. @param after the last one of the page before */
export async function selectServices(
  queries: Queries,
  workspaceId: string,
  filter: ServiceFilter,
  page: { limit: number; after?: { createdAt: string; id: string } | undefined },
): Promise<ServicesTable[]> {
  if (filter.type?.length === 0) return [];
  let query = queries
    .selectFrom('services')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('deleted_at', 'is', null);
  if (filter.name) query = query.where('name', 'in', filter.name);
  if (filter.type) query = query.where('type', 'in', filter.type);
  if (filter.runtime) query = query.where('runtime', 'in', filter.runtime);
  if (filter.region) query = query.where('region', 'in', filter.region);
  if (filter.environmentId) query = query.where('environment_id', 'in', filter.environmentId);
  if (filter.suspended !== undefined) query = query.where('suspended', '=', filter.suspended ? 1 : 0);
  if (filter.createdBefore) query = query.where('created_at', '<', filter.createdBefore);
  if (filter.createdAfter) query = query.where('created_at', '>', filter.createdAfter);
  if (filter.updatedBefore) query = query.where('updated_at', '<', filter.updatedBefore);
  if (filter.updatedAfter) query = query.where('updated_at', '>', filter.updatedAfter);
  const { after } = page;
  if (after) {
    query = query.where((where) =>
      where.or([
        where('created_at', '<', after.createdAt),
        where.and([where('created_at', '=', after.createdAt), where('id', '<', after.id)]),
      ]),
    );
  }
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page.limit).execute();
}

/** When a service was deleted last; undefined when none ever was. */
export async function newestDeletion(queries: Queries): Promise<string | undefined> {
  const row = await queries
    .selectFrom('services')
    .select('deleted_at')
    .where('deleted_at', 'is not', null)
    .orderBy('deleted_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.deleted_at ?? undefined;
}

/** Of the given ids those of services, with whether they were deleted. */
export async function servicesAmong(
  queries: Queries,
  ids: readonly string[],
): Promise<{ id: string; isDeleted: boolean }[]> {
  if (ids.length === 0) return [];
  const rows = await queries
    .selectFrom('services')
    .select(['id', 'deleted_at'])
    .where('id', 'in', ids)
    .execute();
  return rows.map(({ id, deleted_at }) => ({ id, isDeleted: deleted_at !== null }));
}
