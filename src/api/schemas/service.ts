/** The contract's `service`, made from a stored one. */
import type { StoredService } from '../../services/list-services.ts';
import { detailsOf } from '../../services/service-details.ts';
import { extraOf, type ServiceImage } from '../../services/service-input.ts';
import type { Service } from '../contract-types.ts';

/** @param baseUrl of the dashboard, without a slash at the end */
export function presentService(service: StoredService, baseUrl: string): Service {
  const { repoCredentialSealed: _, ...extra } = extraOf(service);
  const image = service.image === null ? undefined : (JSON.parse(service.image) as ServiceImage);
  const { artifactSourceId: __, ...details } = detailsOf(service);
  const { registryCredentialId, ...envSpecificDetails } = details.envSpecificDetails ?? {};
  const credentialId = image?.registryCredentialId || registryCredentialId;
  return {
    id: service.id,
    ...(extra as Pick<Service, 'autoDeploy' | 'autoDeployTrigger' | 'buildFilter' | 'notifyOnFail'>),
    ...(service.branch === null ? {} : { branch: service.branch }),
    createdAt: service.created_at,
    dashboardUrl: `${baseUrl}/${DASHBOARD_FOLDERS[service.type]}/${service.id}`,
    ...(service.environment_id === null ? {} : { environmentId: service.environment_id }),
    ...(image ? { imagePath: image.imagePath } : {}),
    name: service.name,
    ownerId: service.workspace_id,
    ...(credentialId ? { registryCredential: { id: credentialId, name: '' } } : {}),
    ...(service.repo === null ? {} : { repo: service.repo }),
    rootDir: service.root_dir,
    slug: service.slug,
    suspended: service.suspended === 1 ? 'suspended' : 'not_suspended',
    suspenders: JSON.parse(service.suspenders),
    type: service.type,
    updatedAt: service.updated_at,
    serviceDetails: { ...details, envSpecificDetails } as unknown as Service['serviceDetails'],
  };
}

const DASHBOARD_FOLDERS: Record<StoredService['type'], string> = {
  web_service: 'web',
  private_service: 'pserv',
  background_worker: 'worker',
  cron_job: 'cron',
};
