import type { Queries } from '../open.ts';
import type { WorkspacesTable } from '../schema.ts';
import { allOf, follows, oneOf, type Page } from './conditions.ts';

export interface WorkspaceFilter {
  ids?: string[] | undefined;
  names?: string[] | undefined;
  emails?: string[] | undefined;
}

/** The workspace that the first start made. */
export async function findFirstWorkspace(queries: Queries): Promise<WorkspacesTable | undefined> {
  return queries
    .selectFrom('workspaces')
    .selectAll()
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
}

export async function findWorkspace(queries: Queries, id: string): Promise<WorkspacesTable | undefined> {
  return queries.selectFrom('workspaces').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertWorkspace(queries: Queries, workspace: WorkspacesTable): Promise<void> {
  await queries.insertInto('workspaces').values(workspace).execute();
}

/** Newest first. */
export async function selectWorkspaces(
  queries: Queries,
  filter: WorkspaceFilter,
  page: Page,
): Promise<WorkspacesTable[]> {
  return queries
    .selectFrom('workspaces')
    .selectAll()
    .where(
      allOf(
        oneOf('workspaces.id', filter.ids),
        oneOf('workspaces.name', filter.names),
        oneOf('workspaces.email', filter.emails),
        follows('workspaces', page.after),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}
