import type { Queries } from '../open.ts';
import type { ProjectsTable } from '../schema.ts';
import { allOf, equals, follows, type InstantRange, oneOf, type Page, within } from './conditions.ts';

export interface ProjectFilter {
  names?: string[] | undefined;
  created?: InstantRange;
  updated?: InstantRange;
}

export async function findProject(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<ProjectsTable | undefined> {
  return queries
    .selectFrom('projects')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function insertProject(trx: Queries, project: ProjectsTable): Promise<void> {
  await trx.insertInto('projects').values(project).execute();
}

export async function updateProjectRow(
  trx: Queries,
  id: string,
  changes: Partial<Pick<ProjectsTable, 'name' | 'updated_at'>>,
): Promise<void> {
  await trx.updateTable('projects').set(changes).where('id', '=', id).execute();
}

export async function deleteProjectRow(trx: Queries, id: string): Promise<void> {
  await trx.deleteFrom('projects').where('id', '=', id).execute();
}

/** Newest first. */
export async function selectProjects(
  queries: Queries,
  workspaceId: string,
  filter: ProjectFilter,
  page: Page,
): Promise<ProjectsTable[]> {
  return queries
    .selectFrom('projects')
    .selectAll()
    .where(
      allOf(
        equals('projects.workspace_id', workspaceId),
        oneOf('projects.name', filter.names),
        within('projects.created_at', filter.created),
        within('projects.updated_at', filter.updated),
        follows('projects', page.after),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}
