/** Artifacts: the immutable results of successful deploys. A removed one keeps its row without its files. */
import type { Queries } from '../open.ts';
import type { ArtifactsTable } from '../schema.ts';

/** The artifact of a deploy, unless it was removed. */
export async function artifactOfDeploy(
  queries: Queries,
  deployId: string,
): Promise<ArtifactsTable | undefined> {
  return queries
    .selectFrom('artifacts')
    .innerJoin('deploys', 'deploys.artifact_id', 'artifacts.id')
    .selectAll('artifacts')
    .where('deploys.id', '=', deployId)
    .where('artifacts.removed_at', 'is', null)
    .executeTakeFirst();
}
