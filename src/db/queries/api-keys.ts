import type { Queries } from '../open.ts';
import type { ApiKeysTable } from '../schema.ts';

export async function findKeyByHash(queries: Queries, hash: string): Promise<ApiKeysTable | undefined> {
  return queries.selectFrom('api_keys').selectAll().where('hash', '=', hash).executeTakeFirst();
}

export async function insertKey(queries: Queries, key: ApiKeysTable): Promise<void> {
  await queries.insertInto('api_keys').values(key).execute();
}
