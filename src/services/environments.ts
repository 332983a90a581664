/** Environments of projects: they hold services and environment groups, each in one at most. */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import type { Page } from '../db/queries/conditions.ts';
import {
  type Contents,
  contentsOf,
  deleteEnvironmentRow,
  type EnvironmentFilter,
  environmentOf,
  findEnvironment,
  insertEnvironment,
  moveToEnvironment,
  selectEnvironments,
  updateEnvironmentRow,
} from '../db/queries/environments.ts';
import { findProject } from '../db/queries/projects.ts';
import type { EnvironmentsTable } from '../db/schema.ts';
import { ErrandError, invalid, notFound, quote } from '../errors.ts';
import { isId, newId } from '../shared/ids.ts';
import { checkName } from './service-rules.ts';

export type ProjectEnvironment = EnvironmentsTable & Omit<Contents, 'environmentId'>;

export interface EnvironmentInput {
  name: string;
  protectedStatus?: 'protected' | 'unprotected' | undefined;
  networkIsolationEnabled?: boolean | undefined;
  ipAllowList?: object[] | undefined;
}

/** The row of a new environment; nothing is stored. @throws `invalidRequest` */
export function newEnvironment(
  context: Pick<Context, 'clock'>,
  workspaceId: string,
  projectId: string,
  input: EnvironmentInput,
): EnvironmentsTable {
  checkName(input.name);
  const at = context.clock.now();
  return {
    id: newId('evm'),
    workspace_id: workspaceId,
    project_id: projectId,
    name: input.name,
    protected_status: input.protectedStatus ?? 'unprotected',
    network_isolation: input.networkIsolationEnabled ? 1 : 0,
    ip_allow_list: input.ipAllowList ? JSON.stringify(input.ipAllowList) : null,
    created_at: at,
    updated_at: at,
  };
}

export const storeEnvironment = insertEnvironment;

/** @throws `notFound` for a project that the workspace has not */
export async function createEnvironment(
  context: Context,
  workspaceId: string,
  projectId: string,
  input: EnvironmentInput,
): Promise<ProjectEnvironment> {
  const environment = newEnvironment(context, workspaceId, projectId, input);
  return context.database.write(async (trx) => {
    if (!(await findProject(trx, workspaceId, projectId))) throw notFound(projectId);
    await insertEnvironment(trx, environment);
    return { ...environment, serviceIds: [], envGroupIds: [] };
  });
}

/** @throws `notFound` */
export async function getEnvironment(
  context: Context,
  workspaceId: string,
  id: string,
): Promise<ProjectEnvironment> {
  const environment = await requireEnvironment(context.database.read, workspaceId, id);
  return (await withContents(context.database.read, [environment]))[0]!;
}

/** @throws `notFound` */
export async function requireEnvironment(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<EnvironmentsTable> {
  const environment = await findEnvironment(queries, workspaceId, id);
  if (!environment) throw notFound(id);
  return environment;
}

export async function listEnvironments(
  context: Context,
  workspaceId: string,
  filter: EnvironmentFilter,
  page: Page,
): Promise<ProjectEnvironment[]> {
  const { read } = context.database;
  return withContents(read, await selectEnvironments(read, workspaceId, filter, page));
}

/** Changes the fields that are given. @throws `notFound`, `invalidRequest` */
export async function updateEnvironment(
  context: Context,
  workspaceId: string,
  id: string,
  input: Partial<EnvironmentInput>,
): Promise<ProjectEnvironment> {
  if (input.name !== undefined) checkName(input.name);
  await context.database.write(async (trx) => {
    const current = await requireEnvironment(trx, workspaceId, id);
    const isolated = input.networkIsolationEnabled;
    await updateEnvironmentRow(trx, id, {
      name: input.name ?? current.name,
      protected_status: input.protectedStatus ?? current.protected_status,
      network_isolation: isolated === undefined ? current.network_isolation : isolated ? 1 : 0,
      ip_allow_list: input.ipAllowList ? JSON.stringify(input.ipAllowList) : current.ip_allow_list,
      updated_at: context.clock.now(),
    });
  });
  return getEnvironment(context, workspaceId, id);
}

/** @throws `notFound`, `conflict` while something is in it */
export async function deleteEnvironment(context: Context, workspaceId: string, id: string): Promise<void> {
  await context.database.write(async (trx) => {
    await requireEnvironment(trx, workspaceId, id);
    await removeEmptyEnvironment(trx, id);
  });
}

/** @throws `conflict` while something is in it */
export async function removeEmptyEnvironment(trx: Queries, id: string): Promise<void> {
  const [contents] = await contentsOf(trx, [id]);
  const held = [...contents!.serviceIds, ...contents!.envGroupIds];
  if (held.length > 0) {
    throw new ErrandError(
      'conflict',
      `${id} still holds ${held.slice(0, 5).join(', ')}; move or delete them first`,
    );
  }
  await deleteEnvironmentRow(trx, id);
}

/** Puts services and groups into an environment, out of whichever they were in. @throws `notFound` for the first unknown id */
export async function addToEnvironment(
  context: Context,
  workspaceId: string,
  id: string,
  resourceIds: readonly string[],
): Promise<ProjectEnvironment> {
  if (resourceIds.length === 0)
    throw invalid('resourceIds must name at least one service or environment group');
  await context.database.write(async (trx) => {
    await requireEnvironment(trx, workspaceId, id);
    for (const resourceId of new Set(resourceIds)) {
      if ((await moveToEnvironment(trx, workspaceId, [resourceId], id)) === 0) throw notFound(resourceId);
    }
  });
  return getEnvironment(context, workspaceId, id);
}

/**
 * Takes services and groups out of an environment.
 * @param id of the environment, or of a service or group that is to leave the one that it is in: a client sends that
 * @throws `notFound`, `invalidRequest` for one that is not in the environment
 */
export async function removeFromEnvironment(
  context: Context,
  workspaceId: string,
  id: string,
  resourceIds: readonly string[],
): Promise<void> {
  await context.database.write(async (trx) => {
    const environmentId = await meantEnvironment(trx, workspaceId, id);
    const [contents] = environmentId === null ? [] : await contentsOf(trx, [environmentId]);
    // Of a resource that is in none: it has left already.
    const held = new Set(contents ? [...contents.serviceIds, ...contents.envGroupIds] : [id]);
    const stranger = resourceIds.find((one) => !held.has(one));
    if (stranger !== undefined) {
      throw invalid(
        `resourceIds: ${quote(stranger)} is not in ${environmentId ?? `the environment of ${id}`}`,
      );
    }
    await moveToEnvironment(trx, workspaceId, resourceIds, null);
  });
}

/** The environment of that id, or the one that the resource of that id is in; null when it is in none. */
async function meantEnvironment(trx: Queries, workspaceId: string, id: string): Promise<string | null> {
  if (!isId(id, 'srv', 'crn', 'evg')) return (await requireEnvironment(trx, workspaceId, id)).id;
  const environmentId = await environmentOf(trx, workspaceId, id);
  if (environmentId === undefined) throw notFound(id);
  return environmentId;
}

async function withContents(
  queries: Queries,
  environments: EnvironmentsTable[],
): Promise<ProjectEnvironment[]> {
  const contents = await contentsOf(
    queries,
    environments.map((one) => one.id),
  );
  return environments.map((environment, index) => {
    const { serviceIds, envGroupIds } = contents[index]!;
    return { ...environment, serviceIds, envGroupIds };
  });
}
