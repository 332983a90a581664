import type { Queries } from '../open.ts';
import type { StoredAnswersTable } from '../schema.ts';

export async function findStoredAnswer(
  queries: Queries,
  workspaceId: string,
  requestKey: string,
): Promise<StoredAnswersTable | undefined> {
  return queries
    .selectFrom('stored_answers')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('request_key', '=', requestKey)
    .executeTakeFirst();
}

/** Stores an answer; one under the same key that is too old gives way. */
export async function putStoredAnswer(queries: Queries, answer: StoredAnswersTable): Promise<void> {
  await queries
    .insertInto('stored_answers')
    .values(answer)
    .onConflict((conflict) =>
      conflict
        .columns(['workspace_id', 'request_key'])
        .doUpdateSet({ sealed: answer.sealed, created_at: answer.created_at }),
    )
    .execute();
}

export async function deleteStoredAnswersBefore(queries: Queries, instant: string): Promise<void> {
  await queries.deleteFrom('stored_answers').where('created_at', '<', instant).execute();
}
