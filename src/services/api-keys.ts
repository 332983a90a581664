/** API keys: made at random, shown once, stored as a hash. */
import { createHash, randomBytes } from 'node:crypto';
import type { Queries } from '../db/open.ts';
import { insertKey } from '../db/queries/api-keys.ts';
import type { Role } from '../db/schema.ts';
import type { Clock } from '../shared/clock.ts';
import { newId } from '../shared/ids.ts';
import { Secret } from '../shared/secret.ts';

/** How much of a key is stored in the clear, to recognise it by. */
const PREFIX_LENGTH = 8;

export const hashKey = (key: string): string => createHash('sha256').update(key).digest('hex');

export const generateKey = (): Secret => new Secret(`erk_${randomBytes(32).toString('base64url')}`);

/** Stores a key of a workspace. @param key the key itself, which is not kept */
export async function addKey(
  queries: Queries,
  clock: Clock,
  input: { workspaceId: string; name: string; role: Role; key: Secret },
): Promise<string> {
  const id = newId('key');
  await insertKey(queries, {
    id,
    workspace_id: input.workspaceId,
    name: input.name,
    role: input.role,
    hash: hashKey(input.key.reveal()),
    prefix: input.key.reveal().slice(0, PREFIX_LENGTH),
    created_at: clock.now(),
    last_used_at: null,
    revoked_at: null,
  });
  return id;
}
