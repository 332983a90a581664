/** Artifacts: the immutable results of successful deploys. A removed one keeps its row without its files. */
import type { Queries } from '../open.ts';
import type { ArtifactsTable } from '../schema.ts';
import { UNFINISHED_JOBS } from './conditions.ts';

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

export async function insertArtifact(trx: Queries, artifact: ArtifactsTable): Promise<void> {
  await trx.insertInto('artifacts').values(artifact).execute();
}

/** The artifacts of a service that are still there, newest first. */
export async function presentArtifactsOf(queries: Queries, serviceId: string): Promise<ArtifactsTable[]> {
  return queries
    .selectFrom('artifacts')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where('removed_at', 'is', null)
    .orderBy('created_at', 'desc')
    .execute();
}

/** Which of the artifacts a job that is not over needs. */
export async function artifactsInUse(queries: Queries, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await queries
    .selectFrom('jobs')
    .select('artifact_id')
    .distinct()
    .where('artifact_id', 'in', ids)
    .where(UNFINISHED_JOBS)
    .execute();
  return new Set(rows.map((row) => row.artifact_id));
}

/** Which of the ids are artifacts that are still there. */
export async function presentArtifactsAmong(queries: Queries, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await queries
    .selectFrom('artifacts')
    .select('id')
    .where('id', 'in', ids)
    .where('removed_at', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}

/** All artifacts that are still there. */
export async function presentArtifacts(queries: Queries): Promise<string[]> {
  const rows = await queries.selectFrom('artifacts').select('id').where('removed_at', 'is', null).execute();
  return rows.map((row) => row.id);
}

/** Services that were deleted and whose artifacts are not all removed. */
export async function deletedServicesWithArtifacts(queries: Queries): Promise<string[]> {
  const rows = await queries
    .selectFrom('artifacts')
    .innerJoin('services', 'services.id', 'artifacts.service_id')
    .select('artifacts.service_id')
    .distinct()
    .where('artifacts.removed_at', 'is', null)
    .where('services.deleted_at', 'is not', null)
    .execute();
  return rows.map((row) => row.service_id);
}

/** Says that the files of artifacts are going; from then on no job takes them. */
export async function markArtifactsRemoved(trx: Queries, ids: readonly string[], at: string): Promise<void> {
  if (ids.length === 0) return;
  await trx.updateTable('artifacts').set({ removed_at: at }).where('id', 'in', ids).execute();
}
