import type { Queries } from '../open.ts';
import { prepared } from '../prepared.ts';
import type { ApiKeysTable } from '../schema.ts';
import { allOf, equals, follows, type Page } from './conditions.ts';

const keyByHash = prepared((queries, { hash }: { hash: string }) =>
  queries.selectFrom('api_keys').selectAll().where('hash', '=', hash),
);

export async function findKeyByHash(queries: Queries, hash: string): Promise<ApiKeysTable | undefined> {
  return keyByHash.first(queries, { hash });
}

const keyByHint = prepared((queries, { from, to }: { from: string; to: string }) =>
  queries
    .selectFrom('api_keys')
    .selectAll()
    .where('hash', '>=', from)
    .where('hash', '<', to)
    .where('revoked_at', 'is', null),
);

/** The key that is good and whose hash begins so. @param hint hexadecimal digits */
export async function findKeyByHint(queries: Queries, hint: string): Promise<ApiKeysTable | undefined> {
  // Behind every digit that a hash can go on with.
  return keyByHint.first(queries, { from: hint, to: `${hint}g` });
}

export async function findKey(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<ApiKeysTable | undefined> {
  return queries
    .selectFrom('api_keys')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function insertKey(queries: Queries, key: ApiKeysTable): Promise<void> {
  await queries.insertInto('api_keys').values(key).execute();
}

/** Keys of a workspace, newest first; revoked ones too. */
export async function selectKeys(queries: Queries, workspaceId: string, page: Page): Promise<ApiKeysTable[]> {
  return queries
    .selectFrom('api_keys')
    .selectAll()
    .where(allOf(equals('api_keys.workspace_id', workspaceId), follows('api_keys', page.after)))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}

/** Keys of a workspace that are still good, oldest first. */
export async function selectValidKeys(queries: Queries, workspaceId: string): Promise<ApiKeysTable[]> {
  return queries
    .selectFrom('api_keys')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('revoked_at', 'is', null)
    .orderBy('created_at')
    .orderBy('id')
    .limit(1000)
    .execute();
}

/** Ids that one query names at most. */
const IDS_AT_ONCE = 500;

/** Those of the keys that are still good. */
export async function selectGoodKeys(queries: Queries, ids: readonly string[]): Promise<ApiKeysTable[]> {
  const good: ApiKeysTable[] = [];
  for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
    const some = await queries
      .selectFrom('api_keys')
      .selectAll()
      .where('id', 'in', ids.slice(from, from + IDS_AT_ONCE))
      .where('revoked_at', 'is', null)
      .execute();
    good.push(...some);
  }
  return good;
}

/** Revokes a key that is not revoked. */
export async function revokeKeyRow(queries: Queries, id: string, at: string): Promise<void> {
  await queries
    .updateTable('api_keys')
    .set({ revoked_at: at })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .execute();
}

export async function recordKeyUse(queries: Queries, id: string, at: string): Promise<void> {
  await queries.updateTable('api_keys').set({ last_used_at: at }).where('id', '=', id).execute();
}
