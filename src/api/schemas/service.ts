/** The contract's `service`, made from a stored one. */
import type { StoredService } from '../../services/list-services.ts';
import type { RegistryCredential } from '../../services/registry-credentials.ts';
import { credentialIdOf } from '../../services/service-credential.ts';
import { detailsOf } from '../../services/service-details.ts';
import { extraOf, type ServiceImage } from '../../services/service-input.ts';
import type { Service } from '../contract-types.ts';
import { presentRegistryCredential } from './registry-credential.ts';

/**
 * @param baseUrl of the dashboard, without a slash at the end
 * @param credentials of registries, by id: at least the one that the service names, if it is still there
 */
export function presentService(
  service: StoredService,
  baseUrl: string,
  credentials: ReadonlyMap<string, RegistryCredential>,
): Service {
  const {
    repoCredentialSealed: _sealed,
    repoKeySealed: _key,
    repoKnownHosts: _hosts,
    repoKnownHostsGiven: _given,
    ...extra
  } = extraOf(service);
  const image = service.image === null ? undefined : (JSON.parse(service.image) as ServiceImage);
  const { artifactSourceId: __, ...details } = detailsOf(service);
  const { registryCredentialId: ___, ...envSpecificDetails } = details.envSpecificDetails ?? {};
  const credential = credentials.get(credentialIdOf(service) ?? '');
  return {
    id: service.id,
    ...(extra as Pick<
      Service,
      'autoDeploy' | 'autoDeployTrigger' | 'buildFilter' | 'maskSecrets' | 'notifyOnFail'
    >),
    ...(service.branch === null ? {} : { branch: service.branch }),
    createdAt: service.created_at,
    dashboardUrl: `${baseUrl}/${DASHBOARD_FOLDERS[service.type]}/${service.id}`,
    ...(service.environment_id === null ? {} : { environmentId: service.environment_id }),
    ...(image ? { imagePath: image.imagePath } : {}),
    name: service.name,
    ownerId: service.workspace_id,
    ...(credential ? { registryCredential: { id: credential.id, name: credential.name } } : {}),
    ...(service.repo === null ? {} : { repo: service.repo }),
    rootDir: service.root_dir,
    slug: service.slug,
    suspended: service.suspended === 1 ? 'suspended' : 'not_suspended',
    suspenders: JSON.parse(service.suspenders),
    type: service.type,
    updatedAt: service.updated_at,
    serviceDetails: {
      ...details,
      envSpecificDetails: {
        ...envSpecificDetails,
        // Clients that manage a Docker build look for its credential here, in full.
        ...(credential && details.runtime === 'docker'
          ? { registryCredential: presentRegistryCredential(credential) }
          : {}),
      },
    } as unknown as Service['serviceDetails'],
  };
}

const DASHBOARD_FOLDERS: Record<StoredService['type'], string> = {
  web_service: 'web',
  private_service: 'pserv',
  background_worker: 'worker',
  cron_job: 'cron',
};
