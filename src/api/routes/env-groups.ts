import type { Context } from '../../context.ts';
import {
  createEnvGroup,
  deleteEnvGroup,
  deleteGroupEnvVar,
  deleteGroupSecretFile,
  type EnvGroup,
  type EnvGroupSummary,
  envGroupKeyset,
  getEnvGroup,
  getGroupEnvVar,
  getGroupSecretFile,
  linkService,
  listEnvGroups,
  renameEnvGroup,
  setGroupEnvVar,
  setGroupSecretFile,
  unlinkService,
} from '../../services/env-groups.ts';
import type {
  EnvGroup as ContractEnvGroup,
  EnvGroupMeta,
  EnvVarInput,
  ServiceTypeShort,
} from '../contract-types.ts';
import { excludesCaller, instantRange, readPageById } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';

export function envGroupRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-env-groups', async ({ query, caller }) => {
    if (excludesCaller(query.ownerId, caller)) return [];
    const filter = {
      names: query.name,
      environmentIds: query.environmentId,
      created: instantRange(query, 'created'),
      updated: instantRange(query, 'updated'),
    };
    const page = await readPageById(query, (id) => envGroupKeyset(context, caller.workspaceId, id));
    return (await listEnvGroups(context, caller.workspaceId, filter, page)).map(presentSummary);
  });

  operations.add('create-env-group', async ({ body, caller }) =>
    present(
      await createEnvGroup(context, caller.workspaceId, {
        ...body,
        envVars: body.envVars as (EnvVarInput & { value?: string })[],
      }),
    ),
  );

  operations.add('retrieve-env-group', async ({ params, caller }) =>
    present(await getEnvGroup(context, caller.workspaceId, params.envGroupId)),
  );

  operations.add('update-env-group', async ({ params, body, caller }) =>
    present(await renameEnvGroup(context, caller.workspaceId, params.envGroupId, body.name)),
  );

  operations.add('delete-env-group', async ({ params, caller }) => {
    await deleteEnvGroup(context, caller.workspaceId, params.envGroupId);
    return undefined;
  });

  operations.add('link-service-to-env-group', async ({ params, caller }) =>
    present(await linkService(context, caller.workspaceId, params.envGroupId, params.serviceId)),
  );

  operations.add('unlink-service-from-env-group', async ({ params, caller }) => {
    await unlinkService(context, caller.workspaceId, params.envGroupId, params.serviceId);
    return undefined;
  });

  valueRoutes(operations, context);
}

function valueRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('retrieve-env-group-env-var', async ({ params, caller }) => {
    const { envGroupId, envVarKey } = params;
    const { key, value } = await getGroupEnvVar(context, caller.workspaceId, envGroupId, envVarKey);
    return { key, value };
  });

  operations.add('update-env-group-env-var', async ({ params, body, caller }) => {
    const input = { ...body, key: params.envVarKey };
    return present(await setGroupEnvVar(context, caller.workspaceId, params.envGroupId, input));
  });

  operations.add('delete-env-group-env-var', async ({ params, caller }) => {
    await deleteGroupEnvVar(context, caller.workspaceId, params.envGroupId, params.envVarKey);
    return undefined;
  });

  operations.add('retrieve-env-group-secret-file', async ({ params, caller }) => {
    const { envGroupId, envVarKey } = params;
    const { name, content } = await getGroupSecretFile(context, caller.workspaceId, envGroupId, envVarKey);
    return { name, content };
  });

  operations.add('update-env-group-secret-file', async ({ params, body, caller }) => {
    const input = { name: params.envVarKey, content: body.content ?? '' };
    return present(await setGroupSecretFile(context, caller.workspaceId, params.envGroupId, input));
  });

  operations.add('delete-env-group-secret-file', async ({ params, caller }) => {
    await deleteGroupSecretFile(context, caller.workspaceId, params.envGroupId, params.envVarKey);
    return undefined;
  });
}

const SHORT_TYPES: Record<EnvGroup['links'][number]['type'], ServiceTypeShort> = {
  web_service: 'web',
  private_service: 'pserv',
  background_worker: 'worker',
  cron_job: 'cron',
};

function presentSummary(group: EnvGroupSummary): EnvGroupMeta {
  return {
    id: group.id,
    name: group.name,
    ownerId: group.workspace_id,
    createdAt: group.created_at,
    updatedAt: group.updated_at,
    serviceLinks: group.links.map(({ id, name, type }) => ({ id, name, type: SHORT_TYPES[type] })),
    ...(group.environment_id === null ? {} : { environmentId: group.environment_id }),
  };
}

function present(group: EnvGroup): ContractEnvGroup {
  return {
    ...presentSummary(group),
    envVars: group.envVars.map(({ key, value }) => ({ key, value })),
    secretFiles: group.secretFiles.map(({ name, content }) => ({ name, content })),
  };
}
