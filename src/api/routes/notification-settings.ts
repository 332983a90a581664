import type { Context } from '../../context.ts';
import {
  getNotificationOverride,
  getNotificationSettings,
  listNotificationOverrides,
  type NotificationOverride,
  type NotificationSettings,
  updateNotificationOverride,
  updateNotificationSettings,
} from '../../services/notification-settings.ts';
import { getWorkspace } from '../../services/workspaces.ts';
import type { NotificationServiceOverride, NotificationSetting } from '../contract-types.ts';
import { excludesCaller, readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';

export function notificationSettingRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('retrieve-owner-notification-settings', async ({ params, caller }) => {
    const { id } = await getWorkspace(context, caller, params.ownerId);
    return presentSettings(await getNotificationSettings(context, id));
  });

  operations.add('patch-owner-notification-settings', async ({ params, body, caller }) => {
    const { id } = await getWorkspace(context, caller, params.ownerId);
    const { emailEnabled, previewNotificationsEnabled, notificationsToSend } = body;
    const settings = await updateNotificationSettings(context, id, {
      ...(emailEnabled === undefined ? {} : { email_enabled: emailEnabled ? 1 : 0 }),
      ...(previewNotificationsEnabled === undefined
        ? {}
        : { preview_enabled: previewNotificationsEnabled ? 1 : 0 }),
      ...(notificationsToSend === undefined ? {} : { to_send: notificationsToSend }),
    });
    return presentSettings(settings);
  });

  operations.add('list-notification-overrides', async ({ query, caller }) => {
    if (excludesCaller(query.ownerId, caller)) return [];
    const filter = { serviceIds: query.serviceId };
    const overrides = await listNotificationOverrides(context, caller.workspaceId, filter, readPage(query));
    return overrides.map((override) => ({
      override: presentOverride(override),
      cursor: encodeCursor({ createdAt: override.created_at, id: override.service_id }),
    }));
  });

  operations.add('retrieve-service-notification-overrides', async ({ params, caller }) =>
    presentOverride(await getNotificationOverride(context, caller.workspaceId, params.serviceId)),
  );

  operations.add('patch-service-notification-overrides', async ({ params, body, caller }) => {
    const { previewNotificationsEnabled, notificationsToSend } = body;
    const override = await updateNotificationOverride(context, caller.workspaceId, params.serviceId, {
      ...(previewNotificationsEnabled === undefined ? {} : { preview_enabled: previewNotificationsEnabled }),
      ...(notificationsToSend === undefined ? {} : { to_send: notificationsToSend }),
    });
    return presentOverride(override);
  });
}

function presentSettings(settings: NotificationSettings): NotificationSetting {
  return {
    ownerId: settings.workspace_id,
    slackEnabled: false,
    emailEnabled: settings.email_enabled === 1,
    previewNotificationsEnabled: settings.preview_enabled === 1,
    notificationsToSend: settings.to_send,
  };
}

function presentOverride(override: NotificationOverride): NotificationServiceOverride {
  return {
    serviceId: override.service_id,
    previewNotificationsEnabled: override.preview_enabled,
    notificationsToSend: override.to_send,
  };
}
