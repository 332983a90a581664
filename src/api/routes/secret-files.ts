/** Secret files of a service. */
import type { Context } from '../../context.ts';
import { invalid } from '../../errors.ts';
import { findService } from '../../services/resolve-service.ts';
import {
  deleteSecretFile,
  getSecretFile,
  listSecretFiles,
  replaceSecretFiles,
  type SecretFileEntry,
  setSecretFile,
} from '../../services/secret-files.ts';
import type { OperationRegistry } from '../operations.ts';
import { decodeCursor, encodeCursor, pageLimit } from '../pagination.ts';

/** In the contract's paths the name of a file goes by `envVarKey`. */
export function secretFileRoutes(operations: OperationRegistry, context: Context): void {
  const { database } = context;

  operations.add('list-secret-files-for-service', async ({ params, query, caller }) => {
    const service = await findService(database.read, caller.workspaceId, params.serviceId);
    const page = { limit: pageLimit(query.limit), before: decodeCursor(query.cursor)?.createdAt };
    const entries = await listSecretFiles(context, database.read, service.id, page);
    return entries.map((entry) => withCursor(service.id, entry));
  });

  operations.add('update-secret-files-for-service', async ({ params, body, caller }) => {
    const entries = await database.write(async (trx) => {
      const service = await findService(trx, caller.workspaceId, params.serviceId);
      return replaceSecretFiles(context, trx, service.id, body);
    });
    return entries.map((entry) => withCursor(params.serviceId, entry));
  });

  operations.add('retrieve-secret-file', async ({ params, caller }) => {
    const service = await findService(database.read, caller.workspaceId, params.serviceId);
    return present(await getSecretFile(context, database.read, service.id, params.envVarKey));
  });

  operations.add('add-or-update-secret-file', async ({ params, body, caller }) => {
    const { content } = body;
    if (content === undefined) throw invalid('body field content is required');
    const entry = await database.write(async (trx) => {
      const service = await findService(trx, caller.workspaceId, params.serviceId);
      return setSecretFile(context, trx, service.id, { name: params.envVarKey, content });
    });
    return present(entry);
  });

  operations.add('delete-secret-file', async ({ params, caller }) => {
    await database.write(async (trx) => {
      const service = await findService(trx, caller.workspaceId, params.serviceId);
      await deleteSecretFile(trx, service.id, params.envVarKey);
    });
    return undefined;
  });
}

const present = ({ name, content }: SecretFileEntry) => ({ name, content });

const withCursor = (serviceId: string, entry: SecretFileEntry) => ({
  secretFile: present(entry),
  cursor: encodeCursor({ createdAt: entry.createdAt, id: serviceId }),
});
