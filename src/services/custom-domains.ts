/** Custom domains: recorded and returned. Errand routes no traffic, so none is ever verified. */
import type { Context } from '../context.ts';
import type { Page } from '../db/queries/conditions.ts';
import {
  type CustomDomainFilter,
  deleteCustomDomainRow,
  findCustomDomain,
  findDomainByName,
  insertCustomDomain,
  selectCustomDomains,
} from '../db/queries/custom-domains.ts';
import type { CustomDomainsTable, ServicesTable } from '../db/schema.ts';
import { ErrandError, invalid, notFound, quote } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import { findService } from './resolve-service.ts';

/** A domain and the service that it belongs to. */
export interface CustomDomain {
  domain: CustomDomainsTable;
  service: Pick<ServicesTable, 'id' | 'name'>;
}

/** @throws `notFound`, `invalidRequest`, `conflict` for a name that the workspace uses already */
export async function addCustomDomain(
  context: Context,
  workspaceId: string,
  serviceId: string,
  givenName: string,
): Promise<CustomDomain> {
  const name = readDomainName(givenName);
  return context.database.write(async (trx) => {
    const service = await findService(trx, workspaceId, serviceId);
    if (service.type !== 'web_service') {
      throw invalid(`${serviceId} is a ${service.type}; only a web_service has custom domains`);
    }
    const taken = await findDomainByName(trx, workspaceId, name);
    if (taken) throw new ErrandError('conflict', `${name} is in use by ${taken.service_id}`);
    const labels = name.split('.');
    const domain: CustomDomainsTable = {
      id: newId('cdm'),
      workspace_id: workspaceId,
      service_id: serviceId,
      name,
      domain_type: labels.length === 2 ? 'apex' : 'subdomain',
      public_suffix: labels.at(-1)!,
      redirect_for_name: '',
      verification_status: 'unverified',
      created_at: context.clock.now(),
    };
    await insertCustomDomain(trx, domain);
    return { domain, service };
  });
}

/** By id or by name. @throws `notFound` */
export async function getCustomDomain(
  context: Context,
  workspaceId: string,
  serviceId: string,
  nameOrId: string,
): Promise<CustomDomain> {
  const { read } = context.database;
  const service = await findService(read, workspaceId, serviceId);
  const domain = await findCustomDomain(read, serviceId, nameOrId);
  if (!domain) throw notFound(nameOrId);
  return { domain, service };
}

/** @throws `notFound` */
export async function listCustomDomains(
  context: Context,
  workspaceId: string,
  serviceId: string,
  filter: CustomDomainFilter,
  page: Page,
): Promise<CustomDomain[]> {
  const { read } = context.database;
  const service = await findService(read, workspaceId, serviceId);
  const domains = await selectCustomDomains(read, serviceId, filter, page);
  return domains.map((domain) => ({ domain, service }));
}

/** @throws `notFound` */
export async function deleteCustomDomain(
  context: Context,
  workspaceId: string,
  serviceId: string,
  nameOrId: string,
): Promise<void> {
  await context.database.write(async (trx) => {
    await findService(trx, workspaceId, serviceId);
    const domain = await findCustomDomain(trx, serviceId, nameOrId);
    if (!domain) throw notFound(nameOrId);
    await deleteCustomDomainRow(trx, domain.id);
  });
}

function readDomainName(given: string): string {
  const name = given.toLowerCase().replace(/\.$/, '');
  const label = '(?!-)[a-z0-9-]{1,63}(?<!-)';
  if (name.length > 253 || !new RegExp(`^(\\*\\.)?(${label}\\.)+${label}$`).test(name)) {
    throw invalid(`name must be a domain name such as app.example.com, got ${quote(given)}`);
  }
  return name;
}
