/** The audit log: who did what to which thing, when, from where, and how it ended. Entries are only ever added. */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import { type AuditFilter, insertAuditEntry, selectAuditEntries } from '../db/queries/audit-entries.ts';
import type { Page } from '../db/queries/conditions.ts';
import type { AuditEntriesTable } from '../db/schema.ts';
import { newId } from '../shared/ids.ts';

export type AuditEntry = AuditEntriesTable & { key_name: string | null };

/** What is told of one request. Never a value that was set or read. */
export interface AuditNote {
  workspaceId: string;
  keyId: string;
  /** The operation's id. */
  action: string;
  target?: string | undefined;
  status: number;
  ipAddress: string;
  requestId: string;
  /** Why it was refused. */
  message?: string | undefined;
}

/** Adds an entry, in the transaction of what it tells of. */
export async function addAuditEntry(
  context: Pick<Context, 'clock'>,
  trx: Queries,
  note: AuditNote,
): Promise<void> {
  await insertAuditEntry(trx, {
    id: newId('aud'),
    workspace_id: note.workspaceId,
    key_id: note.keyId,
    action: note.action,
    target: note.target ?? null,
    status: note.status,
    ip_address: note.ipAddress,
    request_id: note.requestId,
    message: note.message ?? null,
    created_at: context.clock.now(),
  });
}

export async function listAuditEntries(
  context: Context,
  workspaceId: string,
  filter: AuditFilter,
  page: Page,
): Promise<AuditEntry[]> {
  return selectAuditEntries(context.database.read, workspaceId, filter, page);
}
