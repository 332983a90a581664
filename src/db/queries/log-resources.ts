import type { Queries } from '../open.ts';

/** What a log can belong to: a job, or a service (its builds). Deleted services keep their logs. */
export interface LogResourceRow {
  id: string;
  kind: 'job' | 'service';
  service_id: string;
  service_slug: string;
}

/** Those of `ids` that the workspace has, in no particular order. */
export async function findLogResources(
  queries: Queries,
  workspaceId: string,
  ids: string[],
): Promise<LogResourceRow[]> {
  const jobs = await queries
    .selectFrom('jobs')
    .innerJoin('services', 'services.id', 'jobs.service_id')
    .select(['jobs.id as id', 'jobs.service_id as service_id', 'services.slug as service_slug'])
    .where('jobs.id', 'in', ids)
    .where('jobs.workspace_id', '=', workspaceId)
    .execute();
  const services = await queries
    .selectFrom('services')
    .select(['id', 'slug as service_slug'])
    .where('id', 'in', ids)
    .where('workspace_id', '=', workspaceId)
    .execute();
  return [
    ...jobs.map((row) => ({ ...row, kind: 'job' as const })),
    ...services.map((row) => ({ ...row, kind: 'service' as const, service_id: row.id })),
  ];
}
