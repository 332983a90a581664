import type { Context } from '../context.ts';
import { insertDeploy } from '../db/queries/deploys.ts';
import type { DeploysTable, ServicesTable } from '../db/schema.ts';
import { invalid } from '../errors.ts';
import { fullImageReference } from '../services/image-reference.ts';
import { findService } from '../services/resolve-service.ts';
import { checkCommit } from '../services/service-rules.ts';
import { newId } from '../shared/ids.ts';

export interface CreateDeployInput {
  /** The branch's newest commit where none is named. */
  commitId?: string | undefined;
  clearCache?: 'clear' | 'do_not_clear' | undefined;
  /** Of services that run an image. */
  imageUrl?: string | undefined;
  artifactId?: string | undefined;
  deployMode?: 'deploy_only' | 'build_and_deploy' | undefined;
}

/**
 * Queues a deploy of a service; a suspended one too. Deploys of one service are built one after the other.
 * @throws `notFound` for the service, `invalidRequest` for what it cannot be deployed from, `unavailable` when the disk
 * is nearly full
 */
export async function createDeploy(
  context: Context,
  workspaceId: string,
  serviceId: string,
  input: CreateDeployInput,
): Promise<DeploysTable> {
  if (input.artifactId) throw invalid('artifactId is not accepted; name a commitId to deploy an older state');
  if (input.deployMode === 'deploy_only') {
    throw invalid('deployMode "deploy_only" is not accepted; use build_and_deploy, or leave it out');
  }
  if (input.commitId) checkCommit(input.commitId);
  context.hold.requireNone('new deploys');
  context.diskReserve.requireRoom('new deploys');
  const deploy = await context.database.write(async (trx) => {
    const service = await findService(trx, workspaceId, serviceId);
    return insertDeploy(trx, {
      id: newId('dep'),
      service_id: service.id,
      workspace_id: workspaceId,
      trigger: 'api',
      wanted_commit: commitFor(service, input),
      clear_cache: input.clearCache === 'clear' ? 1 : 0,
      image: imageFor(service, input),
      created_at: context.clock.now(),
    });
  });
  context.nudge.build();
  return deploy;
}

function commitFor(service: ServicesTable, { commitId }: CreateDeployInput): string | null {
  if (!commitId) return null;
  if (service.runtime === 'image') {
    throw invalid(`commitId is not accepted: service ${service.id} runs an image, use imageUrl`);
  }
  return commitId;
}

function imageFor(service: ServicesTable, { imageUrl }: CreateDeployInput): string | null {
  if (imageUrl && service.runtime !== 'image') {
    throw invalid(`imageUrl is not accepted: service ${service.id} is built from a repository, use commitId`);
  }
  if (imageUrl) return fullImageReference(imageUrl);
  return service.image === null ? null : JSON.parse(service.image).imagePath;
}
