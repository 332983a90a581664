/** Facts about the database itself, by name. */
import type { Queries } from '../open.ts';

export async function findSetting(queries: Queries, name: string): Promise<string | undefined> {
  const row = await queries
    .selectFrom('settings')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.value;
}

export async function deleteSetting(queries: Queries, name: string): Promise<void> {
  await queries.deleteFrom('settings').where('name', '=', name).execute();
}

export async function putSetting(queries: Queries, name: string, value: string): Promise<void> {
  await queries
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}
