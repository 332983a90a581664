/** Secret files of an owner: a service or an environment group. Contents are sealed. */
import type { Queries } from '../open.ts';
import type { SecretFilesTable } from '../schema.ts';

/** All files of the owners, oldest first. */
export async function secretFilesOf(
  queries: Queries,
  ownerIds: readonly string[],
): Promise<SecretFilesTable[]> {
  if (ownerIds.length === 0) return [];
  return queries
    .selectFrom('secret_files')
    .selectAll()
    .where('owner_id', 'in', ownerIds)
    .orderBy('position')
    .execute();
}
