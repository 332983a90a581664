/**
 * Environment groups: variables and secret files that several services share. A service's own values win over those of
 * its groups; between groups the one that was made last wins (see `environment.ts`). A job keeps what it froze.
 */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import type { Page } from '../db/queries/conditions.ts';
import {
  deleteEnvGroupLink,
  deleteEnvGroupRow,
  type EnvGroupFilter,
  findEnvGroup,
  insertEnvGroup,
  insertEnvGroupLink,
  type LinkedService,
  selectEnvGroups,
  servicesLinkedTo,
  updateEnvGroupRow,
} from '../db/queries/env-groups.ts';
import { deleteEnvVarsOf } from '../db/queries/env-vars.ts';
import { deleteSecretFilesOf } from '../db/queries/secret-files.ts';
import type { EnvGroupsTable } from '../db/schema.ts';
import { notFound } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import {
  deleteEnvVar,
  type EnvVarEntry,
  type EnvVarInput,
  getEnvVar,
  listEnvVars,
  replaceEnvVars,
  setEnvVar,
} from './env-vars.ts';
import { requireEnvironment } from './environments.ts';
import { findService } from './resolve-service.ts';
import {
  deleteSecretFile,
  getSecretFile,
  listSecretFiles,
  replaceSecretFiles,
  type SecretFileEntry,
  type SecretFileInput,
  setSecretFile,
} from './secret-files.ts';
import { checkName } from './service-rules.ts';

/** A group without its values. */
export type EnvGroupSummary = EnvGroupsTable & { links: LinkedService[] };

/** A group with its values in the clear, newest first. */
export type EnvGroup = EnvGroupSummary & { envVars: EnvVarEntry[]; secretFiles: SecretFileEntry[] };

/** All values of a group: there are fewer, as their sizes are limited. */
const ALL = { limit: 100_000 };

/** @throws `notFound` for a service or environment that the workspace has not; `invalidRequest` for a bad value */
export async function createEnvGroup(
  context: Context,
  workspaceId: string,
  input: {
    ownerId: string;
    name: string;
    envVars: EnvVarInput[];
    secretFiles?: SecretFileInput[] | undefined;
    serviceIds?: string[] | undefined;
    environmentId?: string | undefined;
  },
): Promise<EnvGroup> {
  if (input.ownerId !== workspaceId) throw notFound(input.ownerId);
  checkName(input.name);
  const at = context.clock.now();
  const group: EnvGroupsTable = {
    id: newId('evg'),
    workspace_id: workspaceId,
    name: input.name,
    environment_id: input.environmentId || null,
    created_at: at,
    updated_at: at,
  };
  return context.database.write(async (trx) => {
    if (group.environment_id !== null) await requireEnvironment(trx, workspaceId, group.environment_id);
    await insertEnvGroup(trx, group);
    await replaceEnvVars(context, trx, group.id, input.envVars);
    await replaceSecretFiles(context, trx, group.id, input.secretFiles ?? []);
    for (const serviceId of input.serviceIds ?? []) {
      await findService(trx, workspaceId, serviceId);
      await insertEnvGroupLink(trx, group.id, serviceId, context.clock.now());
    }
    return withValues(context, trx, group);
  });
}

/** @throws `notFound` */
export async function getEnvGroup(context: Context, workspaceId: string, id: string): Promise<EnvGroup> {
  const { read } = context.database;
  return withValues(context, read, await requireEnvGroup(read, workspaceId, id));
}

/** The keyset of a group, for lists whose items carry no cursor. */
export async function envGroupKeyset(
  context: Context,
  workspaceId: string,
  id: string,
): Promise<Page['after']> {
  const group = await findEnvGroup(context.database.read, workspaceId, id);
  return group && { createdAt: group.created_at, id: group.id };
}

export async function listEnvGroups(
  context: Context,
  workspaceId: string,
  filter: EnvGroupFilter,
  page: Page,
): Promise<EnvGroupSummary[]> {
  const { read } = context.database;
  const groups = await selectEnvGroups(read, workspaceId, filter, page);
  const links = await servicesLinkedTo(
    read,
    groups.map((group) => group.id),
  );
  return groups.map((group) => ({ ...group, links: links.filter((one) => one.group_id === group.id) }));
}

/** @throws `notFound`, `invalidRequest` */
export async function renameEnvGroup(
  context: Context,
  workspaceId: string,
  id: string,
  name: string,
): Promise<EnvGroup> {
  checkName(name);
  return changeGroup(context, workspaceId, id, async (trx) => {
    await updateEnvGroupRow(trx, id, { name });
  });
}

/** Erases a group, its values and its links. @throws `notFound` */
export async function deleteEnvGroup(context: Context, workspaceId: string, id: string): Promise<void> {
  await context.database.write(async (trx) => {
    await requireEnvGroup(trx, workspaceId, id);
    await deleteEnvVarsOf(trx, id);
    await deleteSecretFilesOf(trx, id);
    await deleteEnvGroupRow(trx, id);
  });
}

/** Links a service; a link that is there stays. @throws `notFound` */
export async function linkService(
  context: Context,
  workspaceId: string,
  id: string,
  serviceId: string,
): Promise<EnvGroup> {
  return changeGroup(context, workspaceId, id, async (trx) => {
    await findService(trx, workspaceId, serviceId);
    await insertEnvGroupLink(trx, id, serviceId, context.clock.now());
  });
}

/** @throws `notFound` for an unknown group or service, or where there is no link */
export async function unlinkService(
  context: Context,
  workspaceId: string,
  id: string,
  serviceId: string,
): Promise<void> {
  await changeGroup(context, workspaceId, id, async (trx) => {
    if (!(await deleteEnvGroupLink(trx, id, serviceId))) throw notFound(serviceId);
  });
}

/** @throws `notFound` */
export async function getGroupEnvVar(
  context: Context,
  workspaceId: string,
  id: string,
  key: string,
): Promise<EnvVarEntry> {
  const { read } = context.database;
  await requireEnvGroup(read, workspaceId, id);
  return getEnvVar(context, read, id, key);
}

/** Adds a variable or changes its value. @throws `notFound`, `invalidRequest` */
export async function setGroupEnvVar(
  context: Context,
  workspaceId: string,
  id: string,
  input: EnvVarInput,
): Promise<EnvGroup> {
  return changeGroup(context, workspaceId, id, async (trx) => {
    await setEnvVar(context, trx, id, input);
  });
}

/** @throws `notFound` */
export async function deleteGroupEnvVar(
  context: Context,
  workspaceId: string,
  id: string,
  key: string,
): Promise<void> {
  await changeGroup(context, workspaceId, id, (trx) => deleteEnvVar(trx, id, key));
}

/** @throws `notFound` */
export async function getGroupSecretFile(
  context: Context,
  workspaceId: string,
  id: string,
  name: string,
): Promise<SecretFileEntry> {
  const { read } = context.database;
  await requireEnvGroup(read, workspaceId, id);
  return getSecretFile(context, read, id, name);
}

/** Adds a file or changes its content. @throws `notFound`, `invalidRequest` */
export async function setGroupSecretFile(
  context: Context,
  workspaceId: string,
  id: string,
  input: SecretFileInput,
): Promise<EnvGroup> {
  return changeGroup(context, workspaceId, id, async (trx) => {
    await setSecretFile(context, trx, id, input);
  });
}

/** @throws `notFound` */
export async function deleteGroupSecretFile(
  context: Context,
  workspaceId: string,
  id: string,
  name: string,
): Promise<void> {
  await changeGroup(context, workspaceId, id, (trx) => deleteSecretFile(trx, id, name));
}

/** One change of a group in one transaction, and the group after it. */
async function changeGroup(
  context: Context,
  workspaceId: string,
  id: string,
  change: (trx: Queries) => Promise<void>,
): Promise<EnvGroup> {
  return context.database.write(async (trx) => {
    await requireEnvGroup(trx, workspaceId, id);
    await change(trx);
    await updateEnvGroupRow(trx, id, { updated_at: context.clock.now() });
    return withValues(context, trx, await requireEnvGroup(trx, workspaceId, id));
  });
}

async function requireEnvGroup(queries: Queries, workspaceId: string, id: string): Promise<EnvGroupsTable> {
  const group = await findEnvGroup(queries, workspaceId, id);
  if (!group) throw notFound(id);
  return group;
}

async function withValues(context: Context, queries: Queries, group: EnvGroupsTable): Promise<EnvGroup> {
  return {
    ...group,
    links: await servicesLinkedTo(queries, [group.id]),
    envVars: await listEnvVars(context, queries, group.id, ALL),
    secretFiles: await listSecretFiles(context, queries, group.id, ALL),
  };
}
