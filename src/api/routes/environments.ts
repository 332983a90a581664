import type { Context } from '../../context.ts';
import {
  addToEnvironment,
  createEnvironment,
  deleteEnvironment,
  getEnvironment,
  listEnvironments,
  type ProjectEnvironment,
  removeFromEnvironment,
  updateEnvironment,
} from '../../services/environments.ts';
import type { Environment } from '../contract-types.ts';
import { excludesCaller, instantRange, readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';

export function environmentRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-environments', async ({ query, caller }) => {
    if (excludesCaller(query.ownerId, caller)) return [];
    const filter = {
      ids: query.environmentId,
      names: query.name,
      projectIds: query.projectId,
      created: instantRange(query, 'created'),
      updated: instantRange(query, 'updated'),
    };
    const environments = await listEnvironments(context, caller.workspaceId, filter, readPage(query));
    return environments.map((environment) => ({
      environment: present(environment),
      cursor: encodeCursor({ createdAt: environment.created_at, id: environment.id }),
    }));
  });

  operations.add('create-environment', async ({ body, caller }) =>
    present(await createEnvironment(context, caller.workspaceId, body.projectId, body)),
  );

  operations.add('retrieve-environment', async ({ params, caller }) =>
    present(await getEnvironment(context, caller.workspaceId, params.environmentId)),
  );

  operations.add('update-environment', async ({ params, body, caller }) =>
    present(await updateEnvironment(context, caller.workspaceId, params.environmentId, body)),
  );

  operations.add('delete-environment', async ({ params, caller }) => {
    await deleteEnvironment(context, caller.workspaceId, params.environmentId);
    return undefined;
  });

  operations.add('add-resources-to-environment', async ({ params, body, caller }) =>
    present(await addToEnvironment(context, caller.workspaceId, params.environmentId, body.resourceIds)),
  );

  operations.add('remove-resources-from-environment', async ({ params, query, caller }) => {
    await removeFromEnvironment(context, caller.workspaceId, params.environmentId, query.resourceIds);
    return undefined;
  });
}

function present(environment: ProjectEnvironment): Environment {
  return {
    id: environment.id,
    name: environment.name,
    projectId: environment.project_id,
    databasesIds: [],
    redisIds: [],
    serviceIds: environment.serviceIds,
    envGroupIds: environment.envGroupIds,
    protectedStatus: environment.protected_status,
    networkIsolationEnabled: environment.network_isolation === 1,
    ...(environment.ip_allow_list === null ? {} : { ipAllowList: JSON.parse(environment.ip_allow_list) }),
  };
}
