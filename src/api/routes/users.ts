import type { Context } from '../../context.ts';
import { getKey } from '../../services/api-keys.ts';
import { getWorkspace } from '../../services/workspaces.ts';
import type { OperationRegistry } from '../operations.ts';

/** Errand knows keys, not people: the user is the key that calls. */
export function userRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('get-user', async ({ caller }) => {
    const key = await getKey(context, caller.workspaceId, caller.keyId);
    const workspace = await getWorkspace(context, caller, caller.workspaceId);
    return { name: key.name, email: workspace.email };
  });
}
