import type { Context } from '../../context.ts';
import {
  createRegistryCredential,
  deleteRegistryCredential,
  getRegistryCredential,
  listRegistryCredentials,
  registryCredentialKeyset,
  updateRegistryCredential,
} from '../../services/registry-credentials.ts';
import { excludesCaller, instantRange, readPageById } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { presentRegistryCredential as present } from '../schemas/registry-credential.ts';

export function registryCredentialRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-registry-credentials', async ({ query, caller }) => {
    if (excludesCaller(query.ownerId, caller)) return [];
    const filter = {
      names: query.name,
      usernames: query.username,
      registries: query.type,
      created: instantRange(query, 'created'),
      updated: instantRange(query, 'updated'),
    };
    const page = await readPageById(query, (id) => registryCredentialKeyset(context, caller.workspaceId, id));
    return (await listRegistryCredentials(context, caller.workspaceId, filter, page)).map(present);
  });

  operations.add('create-registry-credential', async ({ body, caller }) =>
    present(await createRegistryCredential(context, caller.workspaceId, body)),
  );

  operations.add('retrieve-registry-credential', async ({ params, caller }) =>
    present(await getRegistryCredential(context, caller.workspaceId, params.registryCredentialId)),
  );

  operations.add('update-registry-credential', async ({ params, body, caller }) =>
    present(await updateRegistryCredential(context, caller.workspaceId, params.registryCredentialId, body)),
  );

  operations.add('delete-registry-credential', async ({ params, caller }) => {
    await deleteRegistryCredential(context, caller.workspaceId, params.registryCredentialId);
    return undefined;
  });
}
