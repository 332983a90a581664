import type { Context } from '../../context.ts';
import {
  addCustomDomain,
  type CustomDomain,
  deleteCustomDomain,
  getCustomDomain,
  listCustomDomains,
} from '../../services/custom-domains.ts';
import type { CustomDomain as ContractCustomDomain } from '../contract-types.ts';
import { instantRange, readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';

export function customDomainRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-custom-domains', async ({ params, query, caller }) => {
    const filter = {
      names: query.name,
      domainType: query.domainType,
      verificationStatus: query.verificationStatus,
      created: instantRange(query, 'created'),
    };
    const { serviceId } = params;
    const found = await listCustomDomains(context, caller.workspaceId, serviceId, filter, readPage(query));
    return found.map((one) => ({
      customDomain: present(one),
      cursor: encodeCursor({ createdAt: one.domain.created_at, id: one.domain.id }),
    }));
  });

  // The contract answers with a list: of an apex domain, its www twin would be the second.
  operations.add('create-custom-domain', async ({ params, body, caller }) => [
    present(await addCustomDomain(context, caller.workspaceId, params.serviceId, body.name)),
  ]);

  operations.add('retrieve-custom-domain', async ({ params, caller }) => {
    const { serviceId, customDomainNameOrID } = params;
    return present(await getCustomDomain(context, caller.workspaceId, serviceId, customDomainNameOrID));
  });

  operations.add('delete-custom-domain', async ({ params, caller }) => {
    await deleteCustomDomain(context, caller.workspaceId, params.serviceId, params.customDomainNameOrID);
    return undefined;
  });

  operations.add('refresh-custom-domain', async ({ params, caller }) => {
    await getCustomDomain(context, caller.workspaceId, params.serviceId, params.customDomainNameOrID);
    return undefined;
  });
}

function present({ domain, service }: CustomDomain): ContractCustomDomain {
  return {
    id: domain.id,
    name: domain.name,
    domainType: domain.domain_type,
    publicSuffix: domain.public_suffix,
    redirectForName: domain.redirect_for_name,
    verificationStatus: domain.verification_status,
    createdAt: domain.created_at,
    server: { id: service.id, name: service.name },
  };
}
