import type { Queries } from '../db/open.ts';
import { artifactOfDeploy } from '../db/queries/artifacts.ts';
import type { ArtifactsTable, ServicesTable } from '../db/schema.ts';

/**
 * The artifact of the service's live deploy: its last successful build; undefined before the first one. To take it for
 * a job, ask inside the write transaction that stores the job: then it cannot be removed in between.
 */
export async function liveArtifact(
  queries: Queries,
  service: Pick<ServicesTable, 'live_deploy_id'>,
): Promise<ArtifactsTable | undefined> {
  if (service.live_deploy_id === null) return undefined;
  return artifactOfDeploy(queries, service.live_deploy_id);
}
