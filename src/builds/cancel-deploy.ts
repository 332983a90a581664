import type { Context } from '../context.ts';
import { findDeploy, transitionDeploy } from '../db/queries/deploys.ts';
import type { DeploysTable } from '../db/schema.ts';
import { invalid, notFound } from '../errors.ts';

/**
 * Cancels a deploy that waits or is being built; the build loop ends what runs of it.
 * @throws `notFound`; `invalidRequest` naming the status when it is over, and nothing changes
 */
export async function cancelDeploy(
  context: Context,
  workspaceId: string,
  serviceId: string,
  deployId: string,
): Promise<DeploysTable> {
  const canceled = await context.database.write(async (trx) => {
    if (!(await findDeploy(trx, workspaceId, serviceId, deployId))) throw notFound(deployId);
    const transition = await transitionDeploy(trx, deployId, 'cancel', { at: context.clock.now() });
    if (transition.result === 'missing') throw notFound(deployId);
    if (transition.result === 'refused') {
      throw invalid(
        `deploy ${deployId} is ${transition.deploy.status}; only one that is queued or build_in_progress can be canceled`,
      );
    }
    return transition.deploy;
  });
  context.nudge.build();
  return canceled;
}
