/** The life of a deploy as one pure table, with the contract's own statuses. */

export const DEPLOY_STATUSES = [
  'queued', // accepted, waits for its turn: one build of a service at a time
  'build_in_progress',
  'live',
  'deactivated', // another deploy went live after it
  'build_failed',
  'update_failed', // built or not, it could not go live (for example: no executor for its runtime)
  'canceled',
] as const;
export type DeployPhase = (typeof DEPLOY_STATUSES)[number];

export const DEPLOY_EVENTS = ['build', 'goLive', 'replace', 'failBuild', 'failUpdate', 'cancel'] as const;
export type DeployEvent = (typeof DEPLOY_EVENTS)[number];

/** from status → event → to status. */
export const DEPLOY_TRANSITIONS: Readonly<Record<DeployPhase, Partial<Record<DeployEvent, DeployPhase>>>> = {
  queued: { build: 'build_in_progress', goLive: 'live', failUpdate: 'update_failed', cancel: 'canceled' },
  build_in_progress: {
    goLive: 'live',
    failBuild: 'build_failed',
    failUpdate: 'update_failed',
    cancel: 'canceled',
  },
  live: { replace: 'deactivated' },
  deactivated: {},
  build_failed: {},
  update_failed: {},
  canceled: {},
};

/** Statuses in which work on a deploy is still to do. */
export const DEPLOY_ACTIVE: readonly DeployPhase[] = ['queued', 'build_in_progress'];

/** The statuses from which `event` is accepted. */
export function deploySources(event: DeployEvent): DeployPhase[] {
  return DEPLOY_STATUSES.filter((status) => DEPLOY_TRANSITIONS[status][event] !== undefined);
}

/** Where `event` leads from `status`; undefined when it is refused there. */
export function nextDeploy(status: DeployPhase, event: DeployEvent): DeployPhase | undefined {
  return DEPLOY_TRANSITIONS[status][event];
}
