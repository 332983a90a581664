import type { Context } from '../../context.ts';
import {
  deleteRepositoryCredential,
  getRepositoryCredential,
  setRepositoryCredential,
} from '../../services/set-repository-credential.ts';
import type { OperationRegistry } from '../operations.ts';

/** What opens the repository of a service: it goes in and never comes out. */
export function repositoryCredentialRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('get-repository-credential', ({ params, caller }) =>
    getRepositoryCredential(context, caller.workspaceId, params.serviceId),
  );

  operations.add('set-repository-credential', ({ params, body, caller }) =>
    setRepositoryCredential(context, caller.workspaceId, params.serviceId, body),
  );

  operations.add('delete-repository-credential', async ({ params, caller }) => {
    await deleteRepositoryCredential(context, caller.workspaceId, params.serviceId);
    return undefined;
  });
}
