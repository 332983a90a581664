import type { Context } from '../../context.ts';
import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listWebhookAttempts,
  listWebhooks,
  updateWebhook,
  type Webhook,
  type WebhookAttempt,
} from '../../services/webhooks.ts';
import type { Webhook as ContractWebhook, EventType, WebhookEvent } from '../contract-types.ts';
import { excludesCaller, instantRange, readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';

export function webhookRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-webhooks', async ({ query, caller }) => {
    if (excludesCaller(query.ownerId, caller)) return [];
    const webhooks = await listWebhooks(context, caller.workspaceId, readPage(query));
    return webhooks.map((webhook) => ({
      webhook: present(webhook),
      cursor: encodeCursor({ createdAt: webhook.created_at, id: webhook.id }),
    }));
  });

  operations.add('create-webhook', async ({ body, caller }) =>
    present(await createWebhook(context, caller.workspaceId, body)),
  );

  operations.add('retrieve-webhook', async ({ params, caller }) =>
    present(await getWebhook(context, caller.workspaceId, params.webhookId)),
  );

  operations.add('update-webhook', async ({ params, body, caller }) =>
    present(await updateWebhook(context, caller.workspaceId, params.webhookId, body)),
  );

  operations.add('delete-webhook', async ({ params, caller }) => {
    await deleteWebhook(context, caller.workspaceId, params.webhookId);
    return undefined;
  });

  operations.add('list-webhook-events', async ({ params, query, caller }) => {
    const sent = instantRange(query, 'sent');
    const { webhookId } = params;
    const attempts = await listWebhookAttempts(context, caller.workspaceId, webhookId, sent, readPage(query));
    return attempts.map((attempt) => ({
      webhookEvent: presentAttempt(attempt),
      cursor: encodeCursor({ createdAt: attempt.created_at, id: attempt.id }),
    }));
  });
}

function present(webhook: Webhook): ContractWebhook {
  return {
    id: webhook.id,
    url: webhook.url,
    name: webhook.name,
    secret: webhook.secret.reveal(),
    enabled: webhook.enabled === 1,
    eventFilter: JSON.parse(webhook.event_filter),
  };
}

function presentAttempt(attempt: WebhookAttempt): WebhookEvent {
  return {
    id: attempt.id,
    eventId: attempt.event_id,
    eventType: attempt.event_type as EventType,
    sentAt: attempt.created_at,
    ...(attempt.status_code === null ? {} : { statusCode: attempt.status_code }),
    ...(attempt.response_body === null ? {} : { responseBody: attempt.response_body }),
    ...(attempt.error === null ? {} : { error: attempt.error }),
  };
}
