/** The registry credential that a service names: for its image, or for the images that its Docker build starts from. */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import { findRegistryCredential, selectRegistryCredentials } from '../db/queries/registry-credentials.ts';
import type { ServicesTable } from '../db/schema.ts';
import { notFound } from '../errors.ts';
import type { RegistryCredential } from './registry-credentials.ts';
import { detailsOf } from './service-details.ts';
import type { ServiceFields, ServiceImage } from './service-input.ts';

/** Undefined where the service names none. */
export function credentialIdOf(service: Pick<ServicesTable, 'image' | 'details'>): string | undefined {
  const image = service.image === null ? undefined : (JSON.parse(service.image) as ServiceImage);
  const { envSpecificDetails } = detailsOf(service);
  return image?.registryCredentialId || envSpecificDetails?.registryCredentialId || undefined;
}

/** The credentials that the services name, by id; one that was deleted since is not among them. */
export async function credentialsOf(
  context: Pick<Context, 'database'>,
  workspaceId: string,
  services: readonly Pick<ServicesTable, 'image' | 'details'>[],
): Promise<ReadonlyMap<string, RegistryCredential>> {
  const ids = [...new Set(services.flatMap((service) => credentialIdOf(service) ?? []))];
  if (ids.length === 0) return new Map();
  const page = { limit: ids.length };
  const credentials = await selectRegistryCredentials(context.database.read, workspaceId, { ids }, page);
  return new Map(credentials.map((credential) => [credential.id, credential]));
}

/** @throws `notFound` when a request names a credential that the workspace has not */
export async function requireGivenCredential(
  trx: Queries,
  workspaceId: string,
  given: Pick<ServiceFields, 'image' | 'serviceDetails'>,
): Promise<void> {
  const ids = [
    given.image?.registryCredentialId,
    given.serviceDetails?.envSpecificDetails?.['registryCredentialId'],
  ];
  for (const id of ids) {
    // Clients send '' for none.
    if (typeof id !== 'string' || id === '') continue;
    if (!(await findRegistryCredential(trx, workspaceId, id))) throw notFound(id);
  }
}
