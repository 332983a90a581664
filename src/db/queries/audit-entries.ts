import type { Queries } from '../open.ts';
import { prepared } from '../prepared.ts';
import type { AuditEntriesTable } from '../schema.ts';
import { allOf, equals, follows, type InstantRange, oneOf, type Page, within } from './conditions.ts';

export interface AuditFilter {
  actions?: string[] | undefined;
  keyIds?: string[] | undefined;
  created?: InstantRange;
}

const insertion = prepared((queries, entry: AuditEntriesTable) =>
  queries.insertInto('audit_entries').values(entry),
);

export async function insertAuditEntry(queries: Queries, entry: AuditEntriesTable): Promise<void> {
  await insertion.run(queries, entry);
}

/** Newest first, each with the name of its key. */
export async function selectAuditEntries(
  queries: Queries,
  workspaceId: string,
  filter: AuditFilter,
  page: Page,
): Promise<(AuditEntriesTable & { key_name: string | null })[]> {
  return queries
    .selectFrom('audit_entries')
    .leftJoin('api_keys', 'api_keys.id', 'audit_entries.key_id')
    .selectAll('audit_entries')
    .select('api_keys.name as key_name')
    .where(
      allOf(
        equals('audit_entries.workspace_id', workspaceId),
        oneOf('audit_entries.action', filter.actions),
        oneOf('audit_entries.key_id', filter.keyIds),
        within('audit_entries.created_at', filter.created),
        follows('audit_entries', page.after),
      ),
    )
    .orderBy('audit_entries.created_at', 'desc')
    .orderBy('audit_entries.id', 'desc')
    .limit(page.limit)
    .execute();
}
