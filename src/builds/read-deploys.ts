/** Reading deploys, also those of a deleted service. */
import type { Context } from '../context.ts';
import { type DeployFilter, findDeploy, selectDeploys } from '../db/queries/deploys.ts';
import { findServiceWithDeleted } from '../db/queries/services.ts';
import type { DeploysTable } from '../db/schema.ts';
import { notFound } from '../errors.ts';

/** A deploy as it is stored. */
export type { DeploysTable as StoredDeploy } from '../db/schema.ts';

/** @throws `notFound` */
export async function getDeploy(
  context: Pick<Context, 'database'>,
  workspaceId: string,
  serviceId: string,
  deployId: string,
): Promise<DeploysTable> {
  const deploy = await findDeploy(context.database.read, workspaceId, serviceId, deployId);
  if (!deploy) throw notFound(deployId);
  return deploy;
}

/** A page of a service's deploys, newest first. @throws `notFound` for the service */
export async function listDeploys(
  context: Pick<Context, 'database'>,
  workspaceId: string,
  serviceId: string,
  filter: DeployFilter,
  page: { limit: number; after?: { createdAt: string; id: string } | undefined },
): Promise<DeploysTable[]> {
  const service = await findServiceWithDeleted(context.database.read, workspaceId, serviceId);
  if (!service) throw notFound(serviceId);
  return selectDeploys(context.database.read, serviceId, filter, page);
}
