import type { Context } from '../../context.ts';
import { getKey } from '../../services/api-keys.ts';
import { createWorkspace, listWorkspaces, type Workspace } from '../../services/workspaces.ts';
import type { Workspace as PresentedWorkspace } from '../contract-types.ts';
import { readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';
import { presentKey } from './keys.ts';

export function workspaceRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-workspaces', async ({ query, caller }) => {
    const workspaces = await listWorkspaces(context, caller, readPage(query));
    return workspaces.map((workspace) => ({
      workspace: present(workspace),
      cursor: encodeCursor({ createdAt: workspace.created_at, id: workspace.id }),
    }));
  });

  operations.add('create-workspace', async ({ body, caller }) => {
    const { workspace, keyId, key } = await createWorkspace(context, caller, body);
    const apiKey = presentKey(await getKey(context, workspace.id, keyId));
    return { workspace: present(workspace), apiKey, key: key.reveal() };
  });
}

function present(workspace: Workspace): PresentedWorkspace {
  return {
    id: workspace.id,
    name: workspace.name,
    email: workspace.email,
    createdAt: workspace.created_at,
  };
}
