import type { Context } from '../context.ts';
import { artifactOfDeploy } from '../db/queries/artifacts.ts';
import { findDeploy, insertDeploy, setRolledBackCommit, transitionDeploy } from '../db/queries/deploys.ts';
import { updateServiceRow } from '../db/queries/services.ts';
import type { DeploysTable } from '../db/schema.ts';
import { invalid, notFound } from '../errors.ts';
import { findService } from '../services/resolve-service.ts';
import { newId } from '../shared/ids.ts';

/**
 * Makes the artifact of an earlier deploy live again, by a deploy of its own that needs no build. New jobs run against
 * it from then on; jobs that exist keep theirs.
 * @throws `notFound`; `invalidRequest` for a deploy that is live, never was, or whose artifact is gone
 */
export async function rollBack(
  context: Context,
  workspaceId: string,
  serviceId: string,
  deployId: string,
): Promise<DeploysTable> {
  return context.database.write(async (trx) => {
    const service = await findService(trx, workspaceId, serviceId);
    const target = await findDeploy(trx, workspaceId, serviceId, deployId);
    if (!target) throw notFound(deployId);
    if (target.status !== 'deactivated') {
      throw invalid(
        `deploy ${deployId} is ${target.status}; only one that was live before can be rolled back to`,
      );
    }
    const artifact = await artifactOfDeploy(trx, deployId);
    if (!artifact)
      throw invalid(`the build of deploy ${deployId} is not kept any more; deploy its commit anew`);
    const at = context.clock.now();
    const { id } = await insertDeploy(trx, {
      id: newId('dep'),
      service_id: serviceId,
      workspace_id: workspaceId,
      trigger: 'rollback',
      wanted_commit: target.commit_id,
      clear_cache: 0,
      image: target.image,
      created_at: at,
    });
    await setRolledBackCommit(trx, id, target);
    const change = { at: context.clock.now(), artifactId: artifact.id };
    const live = await transitionDeploy(trx, id, 'goLive', change);
    // It was queued by this very transaction: a refusal would be a hole in the table of transitions.
    if (live.result !== 'applied') throw new Error(`deploy ${id}: going live by rollback was ${live.result}`);
    if (service.live_deploy_id)
      await transitionDeploy(trx, service.live_deploy_id, 'replace', { at: change.at });
    await updateServiceRow(trx, serviceId, { live_deploy_id: id });
    return live.deploy;
  });
}
