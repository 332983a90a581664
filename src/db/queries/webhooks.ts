import type { Queries } from '../open.ts';
import type { WebhookAttemptsTable, WebhooksTable } from '../schema.ts';
import { allOf, equals, follows, type InstantRange, type Page, within } from './conditions.ts';

export async function findWebhook(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<WebhooksTable | undefined> {
  return queries
    .selectFrom('webhooks')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function insertWebhook(trx: Queries, webhook: WebhooksTable): Promise<void> {
  await trx.insertInto('webhooks').values(webhook).execute();
}

export async function updateWebhookRow(
  trx: Queries,
  id: string,
  changes: Partial<Omit<WebhooksTable, 'id' | 'workspace_id'>>,
): Promise<WebhooksTable | undefined> {
  return trx.updateTable('webhooks').set(changes).where('id', '=', id).returningAll().executeTakeFirst();
}

/** Removes a webhook with the record of its attempts. */
export async function deleteWebhookRow(trx: Queries, id: string): Promise<void> {
  await trx.deleteFrom('webhook_attempts').where('webhook_id', '=', id).execute();
  await trx.deleteFrom('webhooks').where('id', '=', id).execute();
}

/** Newest first. */
export async function selectWebhooks(
  queries: Queries,
  workspaceId: string,
  page: Page,
): Promise<WebhooksTable[]> {
  return queries
    .selectFrom('webhooks')
    .selectAll()
    .where(allOf(equals('webhooks.workspace_id', workspaceId), follows('webhooks', page.after)))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}

/** Attempts to deliver to a webhook, newest first. */
export async function selectWebhookAttempts(
  queries: Queries,
  webhookId: string,
  sent: InstantRange,
  page: Page,
): Promise<WebhookAttemptsTable[]> {
  return queries
    .selectFrom('webhook_attempts')
    .selectAll()
    .where(
      allOf(
        equals('webhook_attempts.webhook_id', webhookId),
        within('webhook_attempts.created_at', sent),
        follows('webhook_attempts', page.after),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}
