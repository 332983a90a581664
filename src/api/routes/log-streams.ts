import type { Context } from '../../context.ts';
import {
  deleteLogStream,
  deleteOverride,
  getLogStream,
  getOverride,
  type LogStream,
  type LogStreamOverride,
  listOverrides,
  setLogStream,
  setOverride,
} from '../../services/log-streams.ts';
import { parseMicros } from '../../shared/clock.ts';
import type { OwnerLogStreamSetting, ResourceLogStreamSetting } from '../contract-types.ts';
import { excludesCaller, readPageById } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';

/** Where output is forwarded to: of the workspace, with settings of single services before it. */
export function logStreamRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('get-owner-log-stream', async ({ params, caller }) =>
    presentStream(context, await getLogStream(context, caller.workspaceId, params.ownerId)),
  );

  operations.add('update-owner-log-stream', async ({ params, body, caller }) =>
    presentStream(context, await setLogStream(context, caller.workspaceId, params.ownerId, body)),
  );

  operations.add('delete-owner-log-stream', async ({ params, caller }) => {
    await deleteLogStream(context, caller.workspaceId, params.ownerId);
    return undefined;
  });

  operations.add('list-resource-log-streams', async ({ query, caller }) => {
    // Streams have no ids of their own here, so none has one of those asked for.
    if (excludesCaller(query.ownerId, caller) || query.logStreamId) return [];
    const page = await readPageById(query, async (id) => {
      const override = await getOverride(context, caller.workspaceId, id);
      return { createdAt: override.created_at, id };
    });
    const filter = { resourceIds: query.resourceId, settings: query.setting };
    return (await listOverrides(context, caller.workspaceId, filter, page)).map(presentOverride);
  });

  operations.add('get-resource-log-stream', async ({ params, caller }) =>
    presentOverride(await getOverride(context, caller.workspaceId, params.resourceId)),
  );

  operations.add('update-resource-log-stream', async ({ params, body, caller }) =>
    presentOverride(await setOverride(context, caller.workspaceId, params.resourceId, body)),
  );

  operations.add('delete-resource-log-stream', async ({ params, caller }) => {
    await deleteOverride(context, caller.workspaceId, params.resourceId);
    return undefined;
  });
}

function presentStream({ clock }: Context, stream: LogStream): OwnerLogStreamSetting {
  const { state } = stream;
  return {
    ownerId: stream.workspace_id,
    endpoint: stream.endpoint,
    preview: stream.preview,
    ...(state
      ? {
          status: {
            lagSeconds: state.waiting_since
              ? Math.max(0, Math.round((clock.nowMs() * 1000 - parseMicros(state.waiting_since)) / 1e6))
              : 0,
            ...(state.last_success_at ? { lastSuccessAt: state.last_success_at } : {}),
            ...(state.last_error && state.last_error_at
              ? { lastError: state.last_error, lastErrorAt: state.last_error_at }
              : {}),
          },
        }
      : {}),
  };
}

function presentOverride(override: LogStreamOverride): ResourceLogStreamSetting {
  return {
    resourceId: override.resource_id,
    setting: override.setting,
    ...(override.endpoint ? { endpoint: override.endpoint } : {}),
  };
}
