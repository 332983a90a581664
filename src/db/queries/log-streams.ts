/** Settings of forwarding: a workspace's own, and those of single services. */
import { sql } from 'kysely';
import type { Queries } from '../open.ts';
import type {
  LogStreamOverridesTable,
  LogStreamSetting,
  LogStreamStatesTable,
  LogStreamsTable,
} from '../schema.ts';
import type { Page } from './conditions.ts';

export async function findLogStream(
  queries: Queries,
  workspaceId: string,
): Promise<LogStreamsTable | undefined> {
  return queries
    .selectFrom('log_streams')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
}

export async function putLogStream(trx: Queries, row: LogStreamsTable): Promise<void> {
  const { endpoint, token_sealed, preview, updated_at } = row;
  await trx
    .insertInto('log_streams')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('workspace_id').doUpdateSet({ endpoint, token_sealed, preview, updated_at }),
    )
    .execute();
}

/** @returns whether there was one */
export async function removeLogStream(trx: Queries, workspaceId: string): Promise<boolean> {
  const removed = await trx
    .deleteFrom('log_streams')
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  return removed.numDeletedRows > 0n;
}

export async function findOverride(
  queries: Queries,
  workspaceId: string,
  resourceId: string,
): Promise<LogStreamOverridesTable | undefined> {
  return queries
    .selectFrom('log_stream_overrides')
    .selectAll()
    .where('resource_id', '=', resourceId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
}

export async function putOverride(trx: Queries, row: LogStreamOverridesTable): Promise<void> {
  const { setting, endpoint, token_sealed, updated_at } = row;
  await trx
    .insertInto('log_stream_overrides')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('resource_id').doUpdateSet({ setting, endpoint, token_sealed, updated_at }),
    )
    .execute();
}

/** @returns whether there was one */
export async function removeOverride(
  trx: Queries,
  workspaceId: string,
  resourceId: string,
): Promise<boolean> {
  const removed = await trx
    .deleteFrom('log_stream_overrides')
    .where('resource_id', '=', resourceId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  return removed.numDeletedRows > 0n;
}

/** A page of overrides, newest first; all of them without a page. */
export async function selectOverrides(
  queries: Queries,
  workspaceId: string,
  filter: { resourceIds?: string[] | undefined; settings?: LogStreamSetting[] | undefined } = {},
  page?: Page,
): Promise<LogStreamOverridesTable[]> {
  let query = queries.selectFrom('log_stream_overrides').selectAll().where('workspace_id', '=', workspaceId);
  if (filter.resourceIds) query = query.where('resource_id', 'in', filter.resourceIds);
  if (filter.settings) query = query.where('setting', 'in', filter.settings);
  if (page?.after) {
    const { createdAt, id } = page.after;
    query = query.where(sql<boolean>`(created_at, resource_id) < (${createdAt}, ${id})`);
  }
  query = query.orderBy('created_at', 'desc').orderBy('resource_id', 'desc');
  return (page ? query.limit(page.limit) : query).execute();
}

/** Workspaces that forward anything. */
export async function forwardingWorkspaces(queries: Queries): Promise<string[]> {
  const rows = await queries
    .selectFrom('log_streams')
    .select('workspace_id')
    .union(queries.selectFrom('log_stream_overrides').select('workspace_id').where('setting', '=', 'send'))
    .execute();
  return rows.map((row) => row.workspace_id);
}

/** Where output of any workspace goes, and whose it is. */
export async function selectEndpoints(queries: Queries): Promise<{ owner: string; endpoint: string }[]> {
  const own = queries
    .selectFrom('log_streams')
    .select(['workspace_id as owner', 'endpoint'])
    .where('endpoint', '!=', '');
  const overrides = queries
    .selectFrom('log_stream_overrides')
    .select(['resource_id as owner', sql<string>`endpoint`.as('endpoint')])
    .where('setting', '=', 'send');
  return own.unionAll(overrides).execute();
}

export async function findStreamState(
  queries: Queries,
  workspaceId: string,
  endpoint: string,
): Promise<LogStreamStatesTable | undefined> {
  return queries
    .selectFrom('log_stream_states')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('endpoint', '=', endpoint)
    .executeTakeFirst();
}

/** Changes what is known of a destination; other columns keep what they had. */
export async function noteStreamState(
  trx: Queries,
  workspaceId: string,
  endpoint: string,
  changes: Partial<Omit<LogStreamStatesTable, 'workspace_id' | 'endpoint'>>,
): Promise<void> {
  const none = { last_success_at: null, last_error: null, last_error_at: null, waiting_since: null };
  await trx
    .insertInto('log_stream_states')
    .values({ workspace_id: workspaceId, endpoint, ...none, ...changes })
    .onConflict((conflict) => conflict.columns(['workspace_id', 'endpoint']).doUpdateSet(changes))
    .execute();
}
