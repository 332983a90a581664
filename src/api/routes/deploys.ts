/** Deploys: attempts to build a service. */
import { cancelDeploy } from '../../builds/cancel-deploy.ts';
import { createDeploy } from '../../builds/create-deploy.ts';
import { deployStanding } from '../../builds/deploy-standing.ts';
import { getDeploy, listDeploys, type StoredDeploy } from '../../builds/read-deploys.ts';
import { rollBack } from '../../builds/rollback.ts';
import type { Context } from '../../context.ts';
import { DEPLOY_STATUSES, type DeployPhase } from '../../lifecycle/deploy.ts';
import type { Deploy, DeployStatus } from '../contract-types.ts';
import type { OperationRegistry } from '../operations.ts';
import { decodeCursor, encodeCursor, pageLimit } from '../pagination.ts';
import { readInstant } from '../time.ts';

export function deployRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('create-deploy', async ({ params, body, caller }) =>
    showDeploy(context, await createDeploy(context, caller.workspaceId, params.serviceId, body)),
  );

  operations.add('list-deploys', async ({ params, query, caller }) => {
    const deploys = await listDeploys(
      context,
      caller.workspaceId,
      params.serviceId,
      {
        status: query.status?.filter(isStored),
        createdBefore: readInstant('createdBefore', query.createdBefore),
        createdAfter: readInstant('createdAfter', query.createdAfter),
        updatedBefore: readInstant('updatedBefore', query.updatedBefore),
        updatedAfter: readInstant('updatedAfter', query.updatedAfter),
        finishedBefore: readInstant('finishedBefore', query.finishedBefore),
        finishedAfter: readInstant('finishedAfter', query.finishedAfter),
      },
      { limit: pageLimit(query.limit), after: decodeCursor(query.cursor) },
    );
    const shown = await showDeploys(context, deploys);
    return deploys.map((deploy, index) => ({
      deploy: shown[index]!,
      cursor: encodeCursor({ createdAt: deploy.created_at, id: deploy.id }),
    }));
  });

  operations.add('retrieve-deploy', async ({ params, caller }) =>
    showDeploy(context, await getDeploy(context, caller.workspaceId, params.serviceId, params.deployId)),
  );

  operations.add('cancel-deploy', async ({ params, caller }) =>
    presentDeploy(await cancelDeploy(context, caller.workspaceId, params.serviceId, params.deployId)),
  );

  operations.add('rollback-deploy', async ({ params, body, caller }) =>
    presentDeploy(await rollBack(context, caller.workspaceId, params.serviceId, body.deployId)),
  );
}

async function showDeploy(context: Context, deploy: StoredDeploy): Promise<Deploy> {
  return { ...presentDeploy(deploy), ...(await deployStanding(context, deploy)) };
}

async function showDeploys(context: Context, deploys: readonly StoredDeploy[]): Promise<Deploy[]> {
  const shown: Deploy[] = [];
  for (const deploy of deploys) shown.push(await showDeploy(context, deploy));
  return shown;
}

/** Statuses of the contract that no deploy here ever has find nothing. */
const isStored = (status: DeployStatus): status is DeployStatus & DeployPhase =>
  DEPLOY_STATUSES.some((stored) => stored === status);

function presentDeploy(deploy: StoredDeploy): Deploy {
  const { commit_id, commit_message, commit_created_at } = deploy;
  return {
    id: deploy.id,
    ...(commit_id === null
      ? {}
      : { commit: { id: commit_id, message: commit_message ?? '', createdAt: commit_created_at ?? '' } }),
    ...(deploy.image === null ? {} : { image: { ref: deploy.image } }),
    status: deploy.status,
    trigger: deploy.trigger as NonNullable<Deploy['trigger']>,
    createdAt: deploy.created_at,
    updatedAt: deploy.updated_at,
    ...(deploy.started_at === null ? {} : { startedAt: deploy.started_at }),
    ...(deploy.finished_at === null ? {} : { finishedAt: deploy.finished_at }),
  };
}
