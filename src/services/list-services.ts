import type { Context } from '../context.ts';
import { type ServiceFilter, selectServices } from '../db/queries/services.ts';
import type { ServicesTable } from '../db/schema.ts';

export type { ServiceFilter } from '../db/queries/services.ts';
/** A service as it is stored. */
export type { ServicesTable as StoredService } from '../db/schema.ts';

/** A page of the workspace's services, newest first. @param filter.ownerId none but the workspace itself has any */
export async function listServices(
  context: Pick<Context, 'database'>,
  workspaceId: string,
  filter: ServiceFilter & { ownerId?: readonly string[] | undefined },
  page: { limit: number; after?: { createdAt: string; id: string } | undefined },
): Promise<ServicesTable[]> {
  const { ownerId, ...rest } = filter;
  if (ownerId && !ownerId.includes(workspaceId)) return [];
  return selectServices(context.database.read, workspaceId, rest, page);
}
