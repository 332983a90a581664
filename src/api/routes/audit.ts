import type { Context } from '../../context.ts';
import { type AuditEntry, listAuditEntries } from '../../services/audit.ts';
import type { AuditEntry as PresentedEntry } from '../contract-types.ts';
import { readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';
import { readInstant } from '../time.ts';

export function auditRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-audit-entries', async ({ query, caller }) => {
    const filter = {
      actions: query.action,
      keyIds: query.keyId,
      created: {
        before: readInstant('before', query.before),
        after: readInstant('after', query.after),
      },
    };
    const entries = await listAuditEntries(context, caller.workspaceId, filter, readPage(query));
    return entries.map((entry) => ({
      auditEntry: present(entry),
      cursor: encodeCursor({ createdAt: entry.created_at, id: entry.id }),
    }));
  });
}

function present(entry: AuditEntry): PresentedEntry {
  return {
    id: entry.id,
    timestamp: entry.created_at,
    keyId: entry.key_id,
    ...(entry.key_name === null ? {} : { keyName: entry.key_name }),
    action: entry.action,
    ...(entry.target === null ? {} : { target: entry.target }),
    status: entry.status,
    ipAddress: entry.ip_address,
    requestId: entry.request_id,
    ...(entry.message === null ? {} : { message: entry.message }),
  };
}
