import type { Context } from '../../context.ts';
import { listMembers } from '../../services/api-keys.ts';
import { getWorkspace, listOwnWorkspaces } from '../../services/workspaces.ts';
import type { OperationRegistry } from '../operations.ts';
import { decodeCursor, encodeCursor, pageLimit } from '../pagination.ts';
import { presentOwner } from '../schemas/owner.ts';

/** Owners are workspaces. A key sees its own workspace and no other. */
export function ownerRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-owners', async ({ query, caller }) => {
    const workspaces = await listOwnWorkspaces(
      context,
      caller,
      { names: query.name, emails: query.email },
      { limit: pageLimit(query.limit), after: decodeCursor(query.cursor) },
    );
    return workspaces.map((workspace) => ({
      owner: presentOwner(workspace),
      cursor: encodeCursor({ createdAt: workspace.created_at, id: workspace.id }),
    }));
  });

  operations.add('retrieve-owner', async ({ params, caller }) =>
    presentOwner(await getWorkspace(context, caller, params.ownerId)),
  );

  operations.add('retrieve-owner-members', async ({ params, caller }) => {
    const workspace = await getWorkspace(context, caller, params.ownerId);
    const members = await listMembers(context, workspace.id);
    return members.map((member) => ({
      userId: member.userId,
      name: member.name,
      email: workspace.email,
      status: 'active' as const,
      role: MEMBER_ROLES[member.role],
      mfaEnabled: false,
    }));
  });
}

const MEMBER_ROLES = { admin: 'ADMIN', developer: 'DEVELOPER', viewer: 'WORKSPACE_VIEWER' } as const;
