import type { Context } from '../../context.ts';
import {
  createProject,
  deleteProject,
  getProject,
  listProjects,
  type Project,
  updateProject,
} from '../../services/projects.ts';
import { getWorkspace, type Workspace } from '../../services/workspaces.ts';
import type { Project as ContractProject } from '../contract-types.ts';
import { excludesCaller, instantRange, readPage } from '../filters.ts';
import type { Caller, OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';
import { presentOwner } from '../schemas/owner.ts';

export function projectRoutes(operations: OperationRegistry, context: Context): void {
  const owner = (caller: Caller): Promise<Workspace> => getWorkspace(context, caller, caller.workspaceId);

  operations.add('list-projects', async ({ query, caller }) => {
    if (excludesCaller(query.ownerId, caller)) return [];
    const filter = {
      names: query.name,
      created: instantRange(query, 'created'),
      updated: instantRange(query, 'updated'),
    };
    const projects = await listProjects(context, caller.workspaceId, filter, readPage(query));
    const workspace = await owner(caller);
    return projects.map((project) => ({
      project: present(project, workspace),
      cursor: encodeCursor({ createdAt: project.created_at, id: project.id }),
    }));
  });

  operations.add('create-project', async ({ body, caller }) =>
    present(await createProject(context, caller.workspaceId, body), await owner(caller)),
  );

  operations.add('retrieve-project', async ({ params, caller }) =>
    present(await getProject(context, caller.workspaceId, params.projectId), await owner(caller)),
  );

  operations.add('update-project', async ({ params, body, caller }) =>
    present(await updateProject(context, caller.workspaceId, params.projectId, body), await owner(caller)),
  );

  operations.add('delete-project', async ({ params, caller }) => {
    await deleteProject(context, caller.workspaceId, params.projectId);
    return undefined;
  });
}

function present(project: Project, workspace: Workspace): ContractProject {
  return {
    id: project.id,
    createdAt: project.created_at,
    updatedAt: project.updated_at,
    name: project.name,
    owner: presentOwner(workspace),
    environmentIds: project.environmentIds,
  };
}
