/** The contract's events that a deploy's changes of status mean. A build goes by the id of its deploy. */
import type { DeployPhase } from '../../lifecycle/deploy.ts';
import type { DeploysTable } from '../schema.ts';
import type { NewEvent } from './events.ts';

/** The contract's numbers for how a build or deploy ended. */
const END_NUMBERS = { succeeded: 2, failed: 3, canceled: 4 } as const;

/** The event of a new deploy. */
export function deployStarted(deploy: DeploysTable): NewEvent {
  return {
    ...ofService(deploy, deploy.created_at),
    type: 'deploy_started',
    details: { deployId: deploy.id, trigger: triggerOf(deploy) },
  };
}

/** The events of a transition from a status to the deploy's present one. */
export function transitionEvents(from: DeployPhase, deploy: DeploysTable, at: string): NewEvent[] {
  const base = ofService(deploy, at);
  if (deploy.status === 'build_in_progress') {
    const trigger = triggerOf(deploy);
    return [{ ...base, type: 'build_started', details: { buildId: deploy.id, trigger } }];
  }
  const ended = endOf(deploy.status);
  if (!ended) return [];
  const reason = ended === 'failed' ? { buildFailed: { id: deploy.id } } : {};
  const status = END_NUMBERS[ended];
  const deployEnded = {
    ...base,
    type: 'deploy_ended',
    details: { deployId: deploy.id, deployStatus: ended, reason, status },
  };
  if (from !== 'build_in_progress') return [deployEnded];
  const buildEnded = {
    ...base,
    type: 'build_ended',
    details: { buildId: deploy.id, buildStatus: ended, reason, status },
  };
  return [buildEnded, deployEnded];
}

function endOf(status: DeployPhase): keyof typeof END_NUMBERS | undefined {
  switch (status) {
    case 'live':
      return 'succeeded';
    case 'build_failed':
    case 'update_failed':
      return 'failed';
    case 'canceled':
      return 'canceled';
    // Replaced by another: that one's end says so.
    case 'deactivated':
    case 'queued':
    case 'build_in_progress':
      return undefined;
    default:
      return status satisfies never;
  }
}

/** The trigger of the deploy that comes with a new service; no other has it. */
export const FIRST_DEPLOY_TRIGGER = 'other';

function triggerOf(deploy: DeploysTable): Record<string, unknown> {
  return {
    firstBuild: deploy.trigger === FIRST_DEPLOY_TRIGGER,
    envUpdated: false,
    manual: deploy.trigger === 'manual' || deploy.trigger === 'api',
    deployedByRender: false,
    clearCache: deploy.clear_cache === 1,
    rollback: deploy.trigger === 'rollback',
  };
}

const ofService = (deploy: DeploysTable, at: string) => ({
  workspaceId: deploy.workspace_id,
  serviceId: deploy.service_id,
  at,
});
