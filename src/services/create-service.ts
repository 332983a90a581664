import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import { FIRST_DEPLOY_TRIGGER, insertDeploy } from '../db/queries/deploys.ts';
import { findServiceByName, insertService, slugExists } from '../db/queries/services.ts';
import type { ServiceKind, ServicesTable } from '../db/schema.ts';
import { ErrandError, invalid, notFound, quote } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import { recordDiskOfNewService } from './disks.ts';
import { type EnvVarInput, replaceEnvVars } from './env-vars.ts';
import { requireEnvironment } from './environments.ts';
import { replaceSecretFiles, type SecretFileInput } from './secret-files.ts';
import { requireGivenCredential } from './service-credential.ts';
import { detailColumns, newDetails } from './service-details.ts';
import { NEW_EXTRA, requireSource, type ServiceFields, sourceColumns } from './service-input.ts';
import { checkName } from './service-rules.ts';
import { newSlug } from './slug.ts';

export interface CreateServiceInput extends ServiceFields {
  /** The caller's workspace, in which the service will be. */
  workspaceId: string;
  /** The workspace that the request names; it must be the same. */
  ownerId: string;
  type: ServiceKind | 'static_site';
  name: string;
  environmentId?: string | undefined;
  envVars?: readonly EnvVarInput[] | undefined;
  secretFiles?: readonly SecretFileInput[] | undefined;
}

/**
 * Stores a service with its variables and files, and its first deploy, in one transaction.
 * @throws `invalidRequest` for a field that breaks a rule, `notFound` for another workspace and for an environment or a
 *   registry credential that is not there, `conflict` for a name in use
 */
export async function createService(
  context: Context,
  input: CreateServiceInput,
): Promise<{ service: ServicesTable; deployId: string }> {
  const service = newService(context, input);
  const deployId = newId('dep');
  await context.database.write(async (trx) => {
    await requireFreeName(trx, service.workspace_id, service.name);
    while (await slugExists(trx, service.slug)) service.slug = newSlug(service.name);
    if (service.environment_id !== null) {
      await requireEnvironment(trx, service.workspace_id, service.environment_id);
    }
    await requireGivenCredential(trx, service.workspace_id, input);
    await insertService(trx, service);
    await recordDiskOfNewService(context, trx, service);
    await replaceEnvVars(context, trx, service.id, input.envVars ?? []);
    await replaceSecretFiles(context, trx, service.id, input.secretFiles ?? []);
    await insertDeploy(trx, {
      id: deployId,
      service_id: service.id,
      workspace_id: service.workspace_id,
      trigger: FIRST_DEPLOY_TRIGGER,
      wanted_commit: null,
      clear_cache: 0,
      image: service.image === null ? null : JSON.parse(service.image).imagePath,
      created_at: context.clock.now(),
    });
  });
  context.nudge.build();
  return { service, deployId };
}

function newService(context: Context, input: CreateServiceInput): ServicesTable {
  if (input.ownerId === '') throw invalid(`ownerId is required; the key's workspace is ${input.workspaceId}`);
  if (input.ownerId !== input.workspaceId) throw notFound(input.ownerId);
  const { type } = input;
  if (type === 'static_site') {
    throw invalid(
      'type "static_site" is not accepted: a static site has no process to run jobs with; ' +
        'use web_service, private_service, background_worker or cron_job',
    );
  }
  checkName(input.name);
  const id = newId(type === 'cron_job' ? 'crn' : 'srv');
  const details = newDetails(type, input.serviceDetails ?? {}, input.image !== undefined);
  const at = context.clock.now();
  const empty = { id, repo: null, branch: null, root_dir: '', image: null, extra: JSON.stringify(NEW_EXTRA) };
  const service: ServicesTable = {
    id,
    workspace_id: input.workspaceId,
    type,
    name: input.name,
    slug: newSlug(input.name),
    ...sourceColumns(context, empty, input),
    ...detailColumns(details),
    environment_id: input.environmentId || null,
    suspended: 0,
    suspenders: '[]',
    live_deploy_id: null,
    created_at: at,
    updated_at: at,
    deleted_at: null,
  };
  requireSource(service);
  return service;
}

/** @throws `conflict` when another service of the workspace has the name */
export async function requireFreeName(trx: Queries, workspaceId: string, name: string): Promise<void> {
  const holder = await findServiceByName(trx, workspaceId, name);
  if (holder) {
    throw new ErrandError(
      'conflict',
      `name ${quote(name)} is in use by ${holder.id}; names are unique in a workspace`,
    );
  }
}
