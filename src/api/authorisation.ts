/** Which role may call which operation. One table, so that it can be read, printed and tested as a whole. */
import type { Role } from '../db/schema.ts';
import { ErrandError } from '../errors.ts';

export const ROLES: readonly Role[] = ['viewer', 'developer', 'admin'];

/** Reads whose answers hold values that were given in confidence: for developers, and told in the audit log. */
export const SECRET_READS: ReadonlySet<string> = new Set([
  'get-env-vars-for-service',
  'retrieve-env-var',
  'list-secret-files-for-service',
  'retrieve-secret-file',
  'retrieve-env-group',
  'retrieve-env-group-env-var',
  'retrieve-env-group-secret-file',
  'list-webhooks',
  'retrieve-webhook',
]);

/** Operations on who may act, and on what was done. */
const ADMIN_ONLY: ReadonlySet<string> = new Set([
  'list-keys',
  'create-key',
  'revoke-key',
  'create-workspace',
  'list-audit-entries',
]);

/** The least role that may call an operation. */
export function leastRole(operationId: string, method: string): Role {
  if (ADMIN_ONLY.has(operationId)) return 'admin';
  if (method !== 'GET' || SECRET_READS.has(operationId)) return 'developer';
  return 'viewer';
}

export const isEnough = (role: Role, least: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(least);

/** @throws `forbidden` when the caller's role is below the least one */
export function requireRole(caller: { role: Role }, least: Role): void {
  if (!isEnough(caller.role, least)) {
    throw new ErrandError('forbidden', `this needs the role ${least}, the key has the role ${caller.role}`);
  }
}
