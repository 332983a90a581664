/** Workspaces: what holds services, keys and logs. The API calls them owners. */
import type { Context } from '../context.ts';
import type { Page } from '../db/queries/conditions.ts';
import {
  findFirstWorkspace,
  findWorkspace,
  insertWorkspace,
  selectWorkspaces,
  type WorkspaceFilter,
} from '../db/queries/workspaces.ts';
import type { Role, WorkspacesTable } from '../db/schema.ts';
import { ErrandError, invalid, notFound, quote } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import type { Secret } from '../shared/secret.ts';
import { addKey, generateKey } from './api-keys.ts';

export type Workspace = WorkspacesTable;

/** Who asks: what a key stands for. */
interface Asker {
  workspaceId: string;
  role: Role;
}

/** The workspace of that id. @throws `notFound` unless it is the caller's own */
export async function getWorkspace(context: Context, caller: Asker, id: string): Promise<Workspace> {
  const workspace = id === caller.workspaceId ? await findWorkspace(context.database.read, id) : undefined;
  if (!workspace) throw notFound(id);
  return workspace;
}

/** The workspaces that the key belongs to: one. */
export async function listOwnWorkspaces(
  context: Context,
  caller: Asker,
  filter: Omit<WorkspaceFilter, 'ids'>,
  page: Page,
): Promise<Workspace[]> {
  return selectWorkspaces(context.database.read, { ...filter, ids: [caller.workspaceId] }, page);
}

/** Every workspace for the operator, else the caller's own. */
export async function listWorkspaces(context: Context, caller: Asker, page: Page): Promise<Workspace[]> {
  const ids = (await isOperator(context, caller)) ? undefined : [caller.workspaceId];
  return selectWorkspaces(context.database.read, { ids }, page);
}

const NAME_LIMIT = 200;

/**
 * Makes a workspace with its first admin key, which is shown this once.
 * @throws `forbidden` unless the caller is the operator: an admin of the first workspace
 */
export async function createWorkspace(
  context: Context,
  caller: Asker,
  input: { name: string; email?: string | undefined },
): Promise<{ workspace: Workspace; keyId: string; key: Secret }> {
  if (!(await isOperator(context, caller))) {
    throw new ErrandError('forbidden', 'only an admin key of the first workspace makes workspaces');
  }
  const name = input.name.trim();
  if (name === '' || name.length > NAME_LIMIT) {
    throw invalid(`name must have 1 to ${NAME_LIMIT} characters, got ${quote(input.name)}`);
  }
  const workspace: Workspace = {
    id: newId('tea'),
    name,
    email: input.email ?? '',
    created_at: context.clock.now(),
  };
  const key = generateKey();
  const keyId = await context.database.write(async (trx) => {
    await insertWorkspace(trx, workspace);
    return addKey(trx, context.clock, { workspaceId: workspace.id, name: 'first', role: 'admin', key });
  });
  return { workspace, keyId, key };
}

/** The operator is whoever holds an admin key of the workspace that the first start made. */
async function isOperator(context: Context, caller: Asker): Promise<boolean> {
  if (caller.role !== 'admin') return false;
  return (await findFirstWorkspace(context.database.read))?.id === caller.workspaceId;
}
