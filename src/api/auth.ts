/** Turns a bearer key into a caller. Keys are 256 random bits, stored as SHA-256. */
import type { FastifyRequest } from 'fastify';
import type { Database } from '../db/open.ts';
import { findKeyByHash } from '../db/queries/api-keys.ts';
import { ErrandError } from '../errors.ts';
import { hashKey } from '../services/api-keys.ts';
import type { Caller } from './operations.ts';

/** @throws `unauthorized` for a missing, unknown or revoked key */
export async function authenticate(request: FastifyRequest, database: Database): Promise<Caller> {
  const match = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '');
  if (!match) throw new ErrandError('unauthorized');
  const key = await findKeyByHash(database.read, hashKey(match[1]!));
  if (!key || key.revoked_at !== null) throw new ErrandError('unauthorized');
  return { workspaceId: key.workspace_id, keyId: key.id, role: key.role };
}
