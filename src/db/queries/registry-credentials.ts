import type { Queries } from '../open.ts';
import type { RegistryCredentialsTable } from '../schema.ts';
import { allOf, equals, follows, type InstantRange, oneOf, type Page, within } from './conditions.ts';

export interface RegistryCredentialFilter {
  ids?: string[] | undefined;
  names?: string[] | undefined;
  usernames?: string[] | undefined;
  registries?: string[] | undefined;
  created?: InstantRange;
  updated?: InstantRange;
}

export async function findRegistryCredential(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<RegistryCredentialsTable | undefined> {
  return queries
    .selectFrom('registry_credentials')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function insertRegistryCredential(
  trx: Queries,
  credential: RegistryCredentialsTable,
): Promise<void> {
  await trx.insertInto('registry_credentials').values(credential).execute();
}

export async function updateRegistryCredentialRow(
  trx: Queries,
  id: string,
  changes: Partial<Omit<RegistryCredentialsTable, 'id' | 'workspace_id'>>,
): Promise<RegistryCredentialsTable | undefined> {
  return trx
    .updateTable('registry_credentials')
    .set(changes)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}

/** Whether there was one. */
export async function deleteRegistryCredentialRow(
  trx: Queries,
  workspaceId: string,
  id: string,
): Promise<boolean> {
  const gone = await trx
    .deleteFrom('registry_credentials')
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

/** Newest first. */
export async function selectRegistryCredentials(
  queries: Queries,
  workspaceId: string,
  filter: RegistryCredentialFilter,
  page: Page,
): Promise<RegistryCredentialsTable[]> {
  return queries
    .selectFrom('registry_credentials')
    .selectAll()
    .where(
      allOf(
        equals('registry_credentials.workspace_id', workspaceId),
        oneOf('registry_credentials.id', filter.ids),
        oneOf('registry_credentials.name', filter.names),
        oneOf('registry_credentials.username', filter.usernames),
        oneOf('registry_credentials.registry', filter.registries),
        within('registry_credentials.created_at', filter.created),
        within('registry_credentials.updated_at', filter.updated),
        follows('registry_credentials', page.after),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}
