/** Notification settings of a workspace, and overrides by service: recorded and returned. */
import type { Context } from '../context.ts';
import type { Page } from '../db/queries/conditions.ts';
import {
  findNotificationOverride,
  findNotificationSettings,
  putNotificationOverride,
  putNotificationSettings,
  selectNotificationOverrides,
} from '../db/queries/notification-settings.ts';
import type { NotificationOverridesTable, NotificationSettingsTable } from '../db/schema.ts';
import { findService } from './resolve-service.ts';

export type NotificationSettings = NotificationSettingsTable;
export type NotificationOverride = NotificationOverridesTable;

/** The workspace's settings; the defaults where none were made. */
export async function getNotificationSettings(
  context: Context,
  workspaceId: string,
): Promise<NotificationSettings> {
  const stored = await findNotificationSettings(context.database.read, workspaceId);
  return stored ?? defaultSettings(workspaceId);
}

/** Changes the fields that are given. */
export async function updateNotificationSettings(
  context: Context,
  workspaceId: string,
  changes: Partial<Omit<NotificationSettings, 'workspace_id'>>,
): Promise<NotificationSettings> {
  return context.database.write(async (trx) => {
    const current = (await findNotificationSettings(trx, workspaceId)) ?? defaultSettings(workspaceId);
    const settings = { ...current, ...changes };
    await putNotificationSettings(trx, settings);
    return settings;
  });
}

/** A service's override; `default` in every field where none was made. @throws `notFound` */
export async function getNotificationOverride(
  context: Context,
  workspaceId: string,
  serviceId: string,
): Promise<NotificationOverride> {
  const { read } = context.database;
  await findService(read, workspaceId, serviceId);
  return (await findNotificationOverride(read, serviceId)) ?? defaultOverride(workspaceId, serviceId);
}

/** Changes the fields that are given. @throws `notFound` */
export async function updateNotificationOverride(
  context: Context,
  workspaceId: string,
  serviceId: string,
  changes: Partial<Pick<NotificationOverride, 'preview_enabled' | 'to_send'>>,
): Promise<NotificationOverride> {
  return context.database.write(async (trx) => {
    await findService(trx, workspaceId, serviceId);
    const current =
      (await findNotificationOverride(trx, serviceId)) ?? defaultOverride(workspaceId, serviceId);
    const override = { ...current, ...changes };
    await putNotificationOverride(trx, override);
    return override;
  });
}

export async function listNotificationOverrides(
  context: Context,
  workspaceId: string,
  filter: { serviceIds?: string[] | undefined },
  page: Page,
): Promise<(NotificationOverride & { created_at: string })[]> {
  return selectNotificationOverrides(context.database.read, workspaceId, filter, page);
}

const defaultSettings = (workspaceId: string): NotificationSettings => ({
  workspace_id: workspaceId,
  email_enabled: 0,
  preview_enabled: 0,
  to_send: 'failure',
});

const defaultOverride = (workspaceId: string, serviceId: string): NotificationOverride => ({
  workspace_id: workspaceId,
  service_id: serviceId,
  preview_enabled: 'default',
  to_send: 'default',
});
