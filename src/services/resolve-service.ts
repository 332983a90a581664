import type { Queries } from '../db/open.ts';
import { findServiceById } from '../db/queries/services.ts';
import type { ServicesTable } from '../db/schema.ts';
import { notFound } from '../errors.ts';

/** The service with that id. @throws `notFound` when the workspace has none, or it was deleted */
export async function findService(
  queries: Queries,
  workspaceId: string,
  serviceId: string,
): Promise<ServicesTable> {
  const service = await findServiceById(queries, workspaceId, serviceId);
  if (!service) throw notFound(serviceId);
  return service;
}
