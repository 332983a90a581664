/** Webhooks: where the workspace's events are to be sent. The signing secret is sealed with its row. */
import { randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import type { InstantRange, Page } from '../db/queries/conditions.ts';
import {
  deleteWebhookRow,
  findWebhook,
  insertWebhook,
  selectWebhookAttempts,
  selectWebhooks,
  updateWebhookRow,
} from '../db/queries/webhooks.ts';
import type { WebhookAttemptsTable, WebhooksTable } from '../db/schema.ts';
import { invalid, notFound, quote } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import { Secret } from '../shared/secret.ts';
import { checkName } from './service-rules.ts';

export type Webhook = Omit<WebhooksTable, 'secret_sealed'> & { secret: Secret };
export type WebhookAttempt = WebhookAttemptsTable;

export interface WebhookInput {
  name: string;
  url: string;
  enabled: boolean;
  /** Types of events; none means all. */
  eventFilter: readonly string[];
}

const MAX_URL = 2000;

/** @throws `notFound` for another workspace, `invalidRequest` */
export async function createWebhook(
  context: Context,
  workspaceId: string,
  input: WebhookInput & { ownerId: string },
): Promise<Webhook> {
  if (input.ownerId !== workspaceId) throw notFound(input.ownerId);
  checkInput(input);
  const id = newId('whk');
  const at = context.clock.now();
  // The form of Standard Webhooks: receivers decode what follows the prefix.
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const row: WebhooksTable = {
    id,
    workspace_id: workspaceId,
    name: input.name,
    url: input.url,
    enabled: input.enabled ? 1 : 0,
    event_filter: JSON.stringify(input.eventFilter),
    secret_sealed: context.vault.seal(secret, id),
    created_at: at,
    updated_at: at,
  };
  await context.database.write(async (trx) => {
    await insertWebhook(trx, row);
    return id;
  });
  return open(context, row);
}

/** @throws `notFound` */
export async function getWebhook(context: Context, workspaceId: string, id: string): Promise<Webhook> {
  const webhook = await findWebhook(context.database.read, workspaceId, id);
  if (!webhook) throw notFound(id);
  return open(context, webhook);
}

export async function listWebhooks(context: Context, workspaceId: string, page: Page): Promise<Webhook[]> {
  const webhooks = await selectWebhooks(context.database.read, workspaceId, page);
  return webhooks.map((webhook) => open(context, webhook));
}

/** Changes the fields that are given. @throws `notFound`, `invalidRequest` */
export async function updateWebhook(
  context: Context,
  workspaceId: string,
  id: string,
  input: Partial<WebhookInput>,
): Promise<Webhook> {
  checkInput(input);
  const updated = await context.database.write(async (trx) => {
    const current = await findWebhook(trx, workspaceId, id);
    if (!current) throw notFound(id);
    return updateWebhookRow(trx, id, {
      name: input.name ?? current.name,
      url: input.url ?? current.url,
      enabled: input.enabled === undefined ? current.enabled : input.enabled ? 1 : 0,
      event_filter: input.eventFilter ? JSON.stringify(input.eventFilter) : current.event_filter,
      updated_at: context.clock.now(),
    });
  });
  return open(context, updated!);
}

/** @throws `notFound` */
export async function deleteWebhook(context: Context, workspaceId: string, id: string): Promise<void> {
  await context.database.write(async (trx) => {
    if (!(await findWebhook(trx, workspaceId, id))) throw notFound(id);
    await deleteWebhookRow(trx, id);
  });
}

/** What was sent to a webhook, newest first. @throws `notFound` */
export async function listWebhookAttempts(
  context: Context,
  workspaceId: string,
  id: string,
  sent: InstantRange,
  page: Page,
): Promise<WebhookAttempt[]> {
  const { read } = context.database;
  if (!(await findWebhook(read, workspaceId, id))) throw notFound(id);
  return selectWebhookAttempts(read, id, sent, page);
}

function open(context: Pick<Context, 'vault'>, { secret_sealed, ...webhook }: WebhooksTable): Webhook {
  return { ...webhook, secret: new Secret(context.vault.open(secret_sealed, webhook.id)) };
}

function checkInput({ name, url }: Partial<WebhookInput>): void {
  if (name !== undefined) checkName(name);
  if (url === undefined) return;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isWeb = parsed?.protocol === 'https:' || parsed?.protocol === 'http:';
  if (!isWeb || parsed.username !== '' || parsed.password !== '' || url.length > MAX_URL) {
    throw invalid(`url must be an http or https address without credentials, got ${quote(url)}`);
  }
}
