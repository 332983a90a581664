/** Services. A deleted one keeps its row, so that its jobs, deploys and events stay readable by id. */
import type { Queries } from '../open.ts';
import type { ServicesTable } from '../schema.ts';

/** A service of the workspace that is not deleted. */
export async function findServiceById(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<ServicesTable | undefined> {
  return queries
    .selectFrom('services')
    .selectAll()
    .where('id', '=', id)
    .where('workspace_id', '=', workspaceId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
}
