import type { Context } from '../../context.ts';
import { invalid, quote } from '../../errors.ts';
import { type ApiKey, createKey, getKey, listKeys, revokeKey } from '../../services/api-keys.ts';
import { keyProof } from '../../shared/key-proof.ts';
import type { ApiKey as PresentedKey } from '../contract-types.ts';
import { readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';

const NONCE = /^[0-9a-f]{32,128}$/;

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

  operations.add('prove-server', async ({ query, caller }) => {
    const nonce = query.nonce ?? '';
    if (!NONCE.test(nonce)) {
      throw invalid(`query parameter nonce must be 32 to 128 hexadecimal digits, got ${quote(nonce)}`);
    }
    const { hash } = await getKey(context, caller.workspaceId, caller.keyId);
    return { proof: keyProof(hash, nonce) };
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
