/** Projects: groups of environments. Errand records them; clients arrange services in them. */
import type { Context } from '../context.ts';
import type { Page } from '../db/queries/conditions.ts';
import { environmentsOf } from '../db/queries/environments.ts';
import {
  deleteProjectRow,
  findProject,
  insertProject,
  type ProjectFilter,
  selectProjects,
  updateProjectRow,
} from '../db/queries/projects.ts';
import type { ProjectsTable } from '../db/schema.ts';
import { notFound } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import {
  type EnvironmentInput,
  newEnvironment,
  removeEmptyEnvironment,
  storeEnvironment,
} from './environments.ts';
import { checkName } from './service-rules.ts';

export type Project = ProjectsTable & { environmentIds: string[] };

/** Makes a project and the environments that it begins with. */
export async function createProject(
  context: Context,
  workspaceId: string,
  input: { ownerId: string; name: string; environments: EnvironmentInput[] },
): Promise<Project> {
  if (input.ownerId !== workspaceId) throw notFound(input.ownerId);
  checkName(input.name);
  const at = context.clock.now();
  const project: ProjectsTable = {
    id: newId('prj'),
    workspace_id: workspaceId,
    name: input.name,
    created_at: at,
    updated_at: at,
  };
  const environments = input.environments.map((one) => newEnvironment(context, workspaceId, project.id, one));
  return context.database.write(async (trx) => {
    await insertProject(trx, project);
    for (const environment of environments) await storeEnvironment(trx, environment);
    return { ...project, environmentIds: environments.map((one) => one.id) };
  });
}

/** @throws `notFound` */
export async function getProject(context: Context, workspaceId: string, id: string): Promise<Project> {
  const project = await findProject(context.database.read, workspaceId, id);
  if (!project) throw notFound(id);
  return (await withEnvironments(context, [project]))[0]!;
}

export async function listProjects(
  context: Context,
  workspaceId: string,
  filter: ProjectFilter,
  page: Page,
): Promise<Project[]> {
  return withEnvironments(context, await selectProjects(context.database.read, workspaceId, filter, page));
}

/** @throws `notFound`, `invalidRequest` */
export async function updateProject(
  context: Context,
  workspaceId: string,
  id: string,
  input: { name?: string | undefined },
): Promise<Project> {
  if (input.name !== undefined) checkName(input.name);
  await context.database.write(async (trx) => {
    const project = await findProject(trx, workspaceId, id);
    if (!project) throw notFound(id);
    await updateProjectRow(trx, id, { name: input.name ?? project.name, updated_at: context.clock.now() });
  });
  return getProject(context, workspaceId, id);
}

/** Deletes a project without environments. @throws `notFound`, `conflict` while it has environments with contents */
export async function deleteProject(context: Context, workspaceId: string, id: string): Promise<void> {
  await context.database.write(async (trx) => {
    if (!(await findProject(trx, workspaceId, id))) throw notFound(id);
    for (const environment of await environmentsOf(trx, [id])) {
      await removeEmptyEnvironment(trx, environment.id);
    }
    await deleteProjectRow(trx, id);
  });
}

async function withEnvironments(context: Context, projects: ProjectsTable[]): Promise<Project[]> {
  const environments = await environmentsOf(
    context.database.read,
    projects.map((one) => one.id),
  );
  return projects.map((project) => ({
    ...project,
    environmentIds: environments.filter((one) => one.project_id === project.id).map((one) => one.id),
  }));
}
