/** Environment variables of an owner: a service or an environment group. Values are sealed. */
import type { Queries } from '../open.ts';
import type { EnvVarsTable } from '../schema.ts';

/** All variables of the owners, oldest first. */
export async function envVarsOf(queries: Queries, ownerIds: readonly string[]): Promise<EnvVarsTable[]> {
  if (ownerIds.length === 0) return [];
  return queries
    .selectFrom('env_vars')
    .selectAll()
    .where('owner_id', 'in', ownerIds)
    .orderBy('position')
    .execute();
}
