import type { Queries } from '../open.ts';
import type { CustomDomainsTable } from '../schema.ts';
import { allOf, equals, follows, type InstantRange, oneOf, type Page, within } from './conditions.ts';

export interface CustomDomainFilter {
  names?: string[] | undefined;
  domainType?: string | undefined;
  verificationStatus?: string | undefined;
  created?: InstantRange;
}

/** A domain of a service, by id or by name. */
export async function findCustomDomain(
  queries: Queries,
  serviceId: string,
  nameOrId: string,
): Promise<CustomDomainsTable | undefined> {
  return queries
    .selectFrom('custom_domains')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where((where) => where.or([where('id', '=', nameOrId), where('name', '=', nameOrId)]))
    .executeTakeFirst();
}

/** Whichever service of the workspace has the name. */
export async function findDomainByName(
  queries: Queries,
  workspaceId: string,
  name: string,
): Promise<CustomDomainsTable | undefined> {
  return queries
    .selectFrom('custom_domains')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function insertCustomDomain(trx: Queries, domain: CustomDomainsTable): Promise<void> {
  await trx.insertInto('custom_domains').values(domain).execute();
}

export async function deleteCustomDomainRow(trx: Queries, id: string): Promise<void> {
  await trx.deleteFrom('custom_domains').where('id', '=', id).execute();
}

/** Newest first. */
export async function selectCustomDomains(
  queries: Queries,
  serviceId: string,
  filter: CustomDomainFilter,
  page: Page,
): Promise<CustomDomainsTable[]> {
  return queries
    .selectFrom('custom_domains')
    .selectAll()
    .where(
      allOf(
        equals('custom_domains.service_id', serviceId),
        oneOf('custom_domains.name', filter.names),
        filter.domainType ? equals('custom_domains.domain_type', filter.domainType) : undefined,
        filter.verificationStatus
          ? equals('custom_domains.verification_status', filter.verificationStatus)
          : undefined,
        within('custom_domains.created_at', filter.created),
        follows('custom_domains', page.after),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}
