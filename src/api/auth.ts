/** Who calls: turns a bearer key into a caller. */
import type { FastifyRequest } from 'fastify';
import type { Context } from '../context.ts';
import { ErrandError } from '../errors.ts';
import { type ApiKey, checkKey, keyByHint } from '../services/api-keys.ts';
import type { Caller } from './operations.ts';

/** The one operation that may be asked for by a part of a key's hash: a client has not sent the key yet. */
const ASKED_FOR_BY_HINT = 'prove-server';

/** @throws `unauthorized` for a missing, unknown or revoked key */
export function authenticate(request: FastifyRequest, context: Context): Caller | Promise<Caller> {
  if (request.routeOptions.config?.operationId === ASKED_FOR_BY_HINT) {
    const hint = /^Key-Hint +([0-9a-f]{16})\s*$/i.exec(request.headers.authorization ?? '');
    if (hint) return keyByHint(context, hint[1]!.toLowerCase()).then(callerBy);
  }
  const match = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '');
  if (!match) throw new ErrandError('unauthorized');
  const key = checkKey(context, match[1]!);
  return key instanceof Promise ? key.then(callerBy) : callerBy(key);
}

const callerBy = (key: ApiKey): Caller => ({ workspaceId: key.workspace_id, keyId: key.id, role: key.role });

/** Where a request came from. Of a connection that was reset before anybody asked, the system does not tell. */
export const addressOf = (request: FastifyRequest): string => (request.ip as string | undefined) ?? 'unknown';
