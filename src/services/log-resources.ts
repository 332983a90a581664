/** What the output of a workspace belongs to. */
import type { Context } from '../context.ts';
import { findLogResources } from '../db/queries/log-resources.ts';
import { invalid, notFound } from '../errors.ts';

export interface LogResource {
  id: string;
  kind: 'job' | 'service';
  serviceId: string;
  serviceSlug: string;
}

/** More in one request would not fit into an address anyway. */
const MAX_RESOURCES = 500;

/**
 * The jobs and services of those ids, each once, in the order given.
 * @throws `notFound` with the first id that the workspace has not; `invalidRequest` when they are too many
 */
export async function resolveLogResources(
  context: Pick<Context, 'database'>,
  workspaceId: string,
  ids: string[],
): Promise<LogResource[]> {
  const wanted = [...new Set(ids)];
  if (wanted.length > MAX_RESOURCES) {
    throw invalid(`query parameter resource may name ${MAX_RESOURCES} resources, got ${wanted.length}`);
  }
  const rows = await findLogResources(context.database.read, workspaceId, wanted);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return wanted.map((id) => {
    const row = byId.get(id);
    if (!row) throw notFound(id);
    return { id, kind: row.kind, serviceId: row.service_id, serviceSlug: row.service_slug };
  });
}
