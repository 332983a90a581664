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

/** A page of an owner's files, newest first. @param page.before a position; what is older follows */
export async function selectSecretFiles(
  queries: Queries,
  ownerId: string,
  page: { limit: number; before?: number | undefined },
): Promise<SecretFilesTable[]> {
  let query = queries.selectFrom('secret_files').selectAll().where('owner_id', '=', ownerId);
  if (page.before !== undefined) query = query.where('position', '<', page.before);
  return query.orderBy('position', 'desc').limit(page.limit).execute();
}

export async function findSecretFile(
  queries: Queries,
  ownerId: string,
  name: string,
): Promise<SecretFilesTable | undefined> {
  return queries
    .selectFrom('secret_files')
    .selectAll()
    .where('owner_id', '=', ownerId)
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function insertSecretFiles(trx: Queries, rows: readonly SecretFilesTable[]): Promise<void> {
  // One row a statement: a client may send more than a statement has room for parameters.
  for (const row of rows) await trx.insertInto('secret_files').values(row).execute();
}

export async function updateSecretFileRow(
  trx: Queries,
  ownerId: string,
  name: string,
  changes: Pick<SecretFilesTable, 'content_sealed' | 'updated_at'>,
): Promise<void> {
  await trx
    .updateTable('secret_files')
    .set(changes)
    .where('owner_id', '=', ownerId)
    .where('name', '=', name)
    .execute();
}

/** Whether there was one. */
export async function deleteSecretFileRow(trx: Queries, ownerId: string, name: string): Promise<boolean> {
  const gone = await trx
    .deleteFrom('secret_files')
    .where('owner_id', '=', ownerId)
    .where('name', '=', name)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

export async function deleteSecretFilesOf(trx: Queries, ownerId: string): Promise<void> {
  await trx.deleteFrom('secret_files').where('owner_id', '=', ownerId).execute();
}
