/** API keys: made at random, shown once, stored as a hash. A key belongs to one workspace and has one role. */
import { randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import { EpochCache } from '../db/epoch-cache.ts';
import type { Queries } from '../db/open.ts';
import {
  findKey,
  findKeyByHash,
  findKeyByHint,
  insertKey,
  recordKeyUse,
  revokeKeyRow,
  selectGoodKeys,
  selectKeys,
  selectValidKeys,
} from '../db/queries/api-keys.ts';
import type { Page } from '../db/queries/conditions.ts';
import type { ApiKeysTable, Role } from '../db/schema.ts';
import { ErrandError, invalid, notFound, quote } from '../errors.ts';
import { type Clock, parseMicros } from '../shared/clock.ts';
import { newId } from '../shared/ids.ts';
import { hashKey } from '../shared/key-proof.ts';
import { Secret } from '../shared/secret.ts';

export type ApiKey = ApiKeysTable;

/** How much of a key is stored in the clear, to recognise it by. */
const PREFIX_LENGTH = 8;
const NAME_LIMIT = 200;
/** A key's last use is stored at most this often: a write for each request would cost more than it tells. */
const LAST_USE_STEP_MS = 60_000;

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

interface KnownKey {
  key: ApiKey;
  /** When its last use was stored, or is about to be. */
  usedMs: number;
}

/** Valid keys by their text. A revocation ends the epoch, so it holds at once. */
const knownKeys = new EpochCache<KnownKey>();

/** The key behind a bearer text, which is at hand for one that was seen since the last change. @throws `unauthorized` */
export function checkKey(context: Context, text: string): ApiKey | Promise<ApiKey> {
  const known = knownKeys.entries(context.database).get(text);
  if (!known) return lookUpKey(context, text);
  noteUse(context, known);
  return known.key;
}

/** The roles of those of the keys that are still good, by id. */
export async function rolesOfGoodKeys(
  context: Context,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Role>> {
  const good = await selectGoodKeys(context.database.read, ids);
  return new Map(good.map((key) => [key.id, key.role]));
}

async function lookUpKey(context: Context, text: string): Promise<ApiKey> {
  const kept = knownKeys.entries(context.database);
  const key = await findKeyByHash(context.database.read, hashKey(text));
  if (!key || key.revoked_at !== null) throw new ErrandError('unauthorized');
  const known = { key, usedMs: key.last_used_at === null ? 0 : parseMicros(key.last_used_at) / 1000 };
  kept.set(text, known);
  noteUse(context, known);
  return key;
}

/** The valid key that a client names by a part of its hash. @throws `unauthorized` when there is none */
export async function keyByHint({ database }: Context, hint: string): Promise<ApiKey> {
  const key = await findKeyByHint(database.read, hint);
  if (!key) throw new ErrandError('unauthorized');
  return key;
}

function noteUse({ database, clock, logger }: Context, known: KnownKey): void {
  const nowMs = clock.nowMs();
  if (nowMs - known.usedMs < LAST_USE_STEP_MS) return;
  known.usedMs = nowMs;
  // Nobody waits for it; what a crash loses is a minute of "last used".
  database
    .write((trx) => recordKeyUse(trx, known.key.id, clock.now()), 'jobs')
    .catch((error: unknown) => logger.warn('the last use of a key was not stored', { error: String(error) }));
}

/** Makes a key of the workspace; the answer is the only place where the key itself appears. */
export async function createKey(
  context: Context,
  workspaceId: string,
  input: { name: string; role: Role },
): Promise<{ stored: ApiKey; key: Secret }> {
  const name = input.name.trim();
  if (name === '' || name.length > NAME_LIMIT) {
    throw invalid(`name must have 1 to ${NAME_LIMIT} characters, got ${quote(input.name)}`);
  }
  const key = generateKey();
  const id = await context.database.write((trx) =>
    addKey(trx, context.clock, { workspaceId, name, role: input.role, key }),
  );
  return { stored: await getKey(context, workspaceId, id), key };
}

/** @throws `notFound` for a key of another workspace or none */
export async function getKey(context: Context, workspaceId: string, id: string): Promise<ApiKey> {
  const key = await findKey(context.database.read, workspaceId, id);
  if (!key) throw notFound(id);
  return key;
}

export async function listKeys(context: Context, workspaceId: string, page: Page): Promise<ApiKey[]> {
  return selectKeys(context.database.read, workspaceId, page);
}

/** Revokes a key for good; repeated, it changes nothing. @throws `conflict` for the last admin key of a workspace */
export async function revokeKey(context: Context, workspaceId: string, id: string): Promise<void> {
  await context.database.write(async (trx) => {
    const key = await findKey(trx, workspaceId, id);
    if (!key) throw notFound(id);
    const admins = (await selectValidKeys(trx, workspaceId)).filter((one) => one.role === 'admin');
    if (admins.length === 1 && admins[0]!.id === id) {
      throw new ErrandError('conflict', `${id} is the last admin key of its workspace; create another first`);
    }
    await revokeKeyRow(trx, id, context.clock.now());
  });
}

/** Who can act in a workspace: one member for each valid key. */
export async function listMembers(
  context: Context,
  workspaceId: string,
): Promise<{ userId: string; name: string; role: Role }[]> {
  const keys = await selectValidKeys(context.database.read, workspaceId);
  return keys.map((key) => ({ userId: key.id.replace(/^key-/, 'usr-'), name: key.name, role: key.role }));
}
