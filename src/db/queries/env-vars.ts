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

/** A page of an owner's variables, newest first. @param page.before a position; what is older follows */
export async function selectEnvVars(
  queries: Queries,
  ownerId: string,
  page: { limit: number; before?: number | undefined },
): Promise<EnvVarsTable[]> {
  let query = queries.selectFrom('env_vars').selectAll().where('owner_id', '=', ownerId);
  if (page.before !== undefined) query = query.where('position', '<', page.before);
  return query.orderBy('position', 'desc').limit(page.limit).execute();
}

export async function findEnvVar(
  queries: Queries,
  ownerId: string,
  key: string,
): Promise<EnvVarsTable | undefined> {
  return queries
    .selectFrom('env_vars')
    .selectAll()
    .where('owner_id', '=', ownerId)
    .where('key', '=', key)
    .executeTakeFirst();
}

export async function insertEnvVars(trx: Queries, rows: readonly EnvVarsTable[]): Promise<void> {
  // One row a statement: a client may send more than a statement has room for parameters.
  for (const row of rows) await trx.insertInto('env_vars').values(row).execute();
}

export async function updateEnvVarRow(
  trx: Queries,
  ownerId: string,
  key: string,
  changes: Pick<EnvVarsTable, 'value_sealed' | 'updated_at'>,
): Promise<void> {
  await trx
    .updateTable('env_vars')
    .set(changes)
    .where('owner_id', '=', ownerId)
    .where('key', '=', key)
    .execute();
}

/** Whether there was one. */
export async function deleteEnvVarRow(trx: Queries, ownerId: string, key: string): Promise<boolean> {
  const gone = await trx
    .deleteFrom('env_vars')
    .where('owner_id', '=', ownerId)
    .where('key', '=', key)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

export async function deleteEnvVarsOf(trx: Queries, ownerId: string): Promise<void> {
  await trx.deleteFrom('env_vars').where('owner_id', '=', ownerId).execute();
}
