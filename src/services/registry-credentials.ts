/** Credentials of image registries. The token is sealed with its row and never leaves the server. */
import type { Context } from '../context.ts';
import type { Page } from '../db/queries/conditions.ts';
import {
  deleteRegistryCredentialRow,
  findRegistryCredential,
  insertRegistryCredential,
  type RegistryCredentialFilter,
  selectRegistryCredentials,
  updateRegistryCredentialRow,
} from '../db/queries/registry-credentials.ts';
import type { RegistryCredentialsTable } from '../db/schema.ts';
import { invalid, notFound } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import { checkName } from './service-rules.ts';

export type RegistryCredential = Omit<RegistryCredentialsTable, 'token_sealed'>;

export interface RegistryCredentialInput {
  registry: string;
  name: string;
  username: string;
  authToken: string;
}

const MAX_TOKEN = 64 * 1024;

/** @throws `notFound` for another workspace, `invalidRequest` */
export async function createRegistryCredential(
  context: Context,
  workspaceId: string,
  input: RegistryCredentialInput & { ownerId: string },
): Promise<RegistryCredential> {
  if (input.ownerId !== workspaceId) throw notFound(input.ownerId);
  checkInput(input);
  const id = newId('rgc');
  const at = context.clock.now();
  const row: RegistryCredentialsTable = {
    id,
    workspace_id: workspaceId,
    ...columns(context, id, input),
    created_at: at,
    updated_at: at,
  };
  await context.database.write((trx) => insertRegistryCredential(trx, row).then(() => id));
  return row;
}

/** @throws `notFound` */
export async function getRegistryCredential(
  context: Context,
  workspaceId: string,
  id: string,
): Promise<RegistryCredential> {
  const credential = await findRegistryCredential(context.database.read, workspaceId, id);
  if (!credential) throw notFound(id);
  return credential;
}

/** The keyset of a credential, for lists whose items carry no cursor. */
export async function registryCredentialKeyset(
  context: Context,
  workspaceId: string,
  id: string,
): Promise<Page['after']> {
  const credential = await findRegistryCredential(context.database.read, workspaceId, id);
  return credential && { createdAt: credential.created_at, id: credential.id };
}

export async function listRegistryCredentials(
  context: Context,
  workspaceId: string,
  filter: RegistryCredentialFilter,
  page: Page,
): Promise<RegistryCredential[]> {
  return selectRegistryCredentials(context.database.read, workspaceId, filter, page);
}

/** Replaces all fields. @throws `notFound`, `invalidRequest` */
export async function updateRegistryCredential(
  context: Context,
  workspaceId: string,
  id: string,
  input: RegistryCredentialInput,
): Promise<RegistryCredential> {
  checkInput(input);
  return context.database.write(async (trx) => {
    if (!(await findRegistryCredential(trx, workspaceId, id))) throw notFound(id);
    const changes = { ...columns(context, id, input), updated_at: context.clock.now() };
    return (await updateRegistryCredentialRow(trx, id, changes))!;
  });
}

/** @throws `notFound` */
export async function deleteRegistryCredential(
  context: Context,
  workspaceId: string,
  id: string,
): Promise<void> {
  await context.database.write(async (trx) => {
    if (!(await deleteRegistryCredentialRow(trx, workspaceId, id))) throw notFound(id);
  });
}

function checkInput(input: RegistryCredentialInput): void {
  checkName(input.name);
  if (input.username.length > 1000) throw invalid('username must have at most 1000 characters');
  if (input.authToken === '' || input.authToken.length > MAX_TOKEN) {
    throw invalid(`authToken must have 1 to ${MAX_TOKEN} characters`);
  }
}

function columns(context: Pick<Context, 'vault'>, id: string, input: RegistryCredentialInput) {
  const { registry, name, username, authToken } = input;
  return { registry, name, username, token_sealed: context.vault.seal(authToken, id) };
}
