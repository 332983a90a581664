import type { Context } from '../../context.ts';
import { type ApiKey, createKey, listKeys, revokeKey } from '../../services/api-keys.ts';
import type { ApiKey as PresentedKey } from '../contract-types.ts';
import { readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';

export function keyRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-keys', async ({ query, caller }) => {
    const keys = await listKeys(context, caller.workspaceId, readPage(query));
    return keys.map((key) => ({
      apiKey: presentKey(key),
      cursor: encodeCursor({ createdAt: key.created_at, id: key.id }),
    }));
  });

  operations.add('create-key', async ({ body, caller }) => {
    const { stored, key } = await createKey(context, caller.workspaceId, body);
    return { apiKey: presentKey(stored), key: key.reveal() };
  });

  operations.add('revoke-key', async ({ params, caller }) => {
    await revokeKey(context, caller.workspaceId, params.keyId);
    return undefined;
  });
}

export function presentKey(key: ApiKey): PresentedKey {
  return {
    id: key.id,
    name: key.name,
    role: key.role,
    prefix: key.prefix,
    createdAt: key.created_at,
    ...(key.last_used_at === null ? {} : { lastUsedAt: key.last_used_at }),
    ...(key.revoked_at === null ? {} : { revokedAt: key.revoked_at }),
  };
}
