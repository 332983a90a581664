/** Environment variables of a service. */
import type { Context } from '../../context.ts';
import {
  deleteEnvVar,
  type EnvVarEntry,
  type EnvVarInput,
  getEnvVar,
  listEnvVars,
  replaceEnvVars,
  setEnvVar,
} from '../../services/env-vars.ts';
import { findService } from '../../services/resolve-service.ts';
import type { OperationRegistry } from '../operations.ts';
import { decodeCursor, encodeCursor, pageLimit } from '../pagination.ts';

export function envVarRoutes(operations: OperationRegistry, context: Context): void {
  const { database } = context;

  operations.add('get-env-vars-for-service', async ({ params, query, caller }) => {
    const service = await findService(database.read, caller.workspaceId, params.serviceId);
    const page = { limit: pageLimit(query.limit), before: decodeCursor(query.cursor)?.createdAt };
    const entries = await listEnvVars(context, database.read, service.id, page);
    return entries.map((entry) => withCursor(service.id, entry));
  });

  operations.add('update-env-vars-for-service', async ({ params, body, caller }) => {
    const entries = await database.write(async (trx) => {
      const service = await findService(trx, caller.workspaceId, params.serviceId);
      return replaceEnvVars(context, trx, service.id, body as EnvVarInput[]);
    });
    return entries.map((entry) => withCursor(params.serviceId, entry));
  });

  operations.add('retrieve-env-var', async ({ params, caller }) => {
    const service = await findService(database.read, caller.workspaceId, params.serviceId);
    return present(await getEnvVar(context, database.read, service.id, params.envVarKey));
  });

  operations.add('update-env-var', async ({ params, body, caller }) => {
    const entry = await database.write(async (trx) => {
      const service = await findService(trx, caller.workspaceId, params.serviceId);
      return setEnvVar(context, trx, service.id, { ...body, key: params.envVarKey });
    });
    return present(entry);
  });

  operations.add('delete-env-var', async ({ params, caller }) => {
    await database.write(async (trx) => {
      const service = await findService(trx, caller.workspaceId, params.serviceId);
      await deleteEnvVar(trx, service.id, params.envVarKey);
    });
    return undefined;
  });
}

const present = ({ key, value }: EnvVarEntry) => ({ key, value });

const withCursor = (serviceId: string, entry: EnvVarEntry) => ({
  envVar: present(entry),
  cursor: encodeCursor({ createdAt: entry.createdAt, id: serviceId }),
});
