/** Why a deploy that waits does so, and at which place in the queue. */
import type { Context } from '../context.ts';
import { countQueuedBefore, deploysInProgress } from '../db/queries/deploys.ts';
import type { DeploysTable } from '../db/schema.ts';
import { isOf } from '../executors/executor.ts';
import { DEPLOY_ACTIVE } from '../lifecycle/deploy.ts';

export interface DeployStanding {
  statusReason?: string;
  /** 1 is the next. */
  queuePlace?: number;
}

/** Further on in the queue the place is not counted. */
const COUNTED_PLACES = 1000;

export async function deployStanding(context: Context, deploy: DeploysTable): Promise<DeployStanding> {
  const { config, database, diskReserve, executor, hold } = context;
  if (hold.why && DEPLOY_ACTIVE.includes(deploy.status)) return { statusReason: hold.why };
  if (deploy.status === 'build_in_progress' && !isOf(executor, deploy)) {
    return {
      statusReason:
        `is built by the ${deploy.engine} executor and is left alone by this server, which has the ${executor.name} ` +
        `executor: start the server with --executor ${deploy.engine} to follow it`,
    };
  }
  if (deploy.status !== 'queued') return {};
  const before = await countQueuedBefore(database.read, deploy, COUNTED_PLACES);
  const place = before < COUNTED_PLACES ? { queuePlace: before + 1 } : {};
  const building = await deploysInProgress(database.read);
  return { ...place, statusReason: why() };

  function why(): string {
    if (!diskReserve.hasRoom()) {
      return "waits for room on the server's disk: less than its reserve is free (--disk-reserve)";
    }
    const own = building.find(({ service_id }) => service_id === deploy.service_id);
    if (own) return `waits for the end of deploy ${own.id}: a service has one build at a time`;
    if (building.filter((one) => isOf(executor, one)).length >= config.maxBuilds) {
      return `waits for the end of another build: ${config.maxBuilds} may run at once (--max-builds)`;
    }
    return before === 0
      ? 'is about to start'
      : `${before} ${before === 1 ? 'deploy is' : 'deploys are'} before it`;
  }
}
