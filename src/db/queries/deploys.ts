/** Deploys. `transitionDeploy` is the only place that writes a deploy's status. */
import {
  DEPLOY_ACTIVE,
  type DeployEvent,
  type DeployPhase,
  deploySources,
  nextDeploy,
} from '../../lifecycle/deploy.ts';
import type { Queries } from '../open.ts';
import type { DeploysTable } from '../schema.ts';
import { ACTIVE_DEPLOYS } from './conditions.ts';
import { deployStarted, transitionEvents } from './deploy-events.ts';
import { insertEvent } from './events.ts';

export { FIRST_DEPLOY_TRIGGER } from './deploy-events.ts';

export type NewDeploy = Pick<
  DeploysTable,
  'id' | 'service_id' | 'workspace_id' | 'trigger' | 'wanted_commit' | 'clear_cache' | 'image' | 'created_at'
>;

/** Stores a deploy that waits for its turn, with its event. */
export async function insertDeploy(trx: Queries, deploy: NewDeploy): Promise<DeploysTable> {
  const row: DeploysTable = {
    ...deploy,
    status: 'queued',
    commit_id: null,
    commit_message: null,
    commit_created_at: null,
    artifact_id: null,
    failure: null,
    engine: null,
    updated_at: deploy.created_at,
    started_at: null,
    finished_at: null,
  };
  await trx.insertInto('deploys').values(row).execute();
  await insertEvent(trx, deployStarted(row));
  return row;
}

/** A deploy of the workspace's service. */
export async function findDeploy(
  queries: Queries,
  workspaceId: string,
  serviceId: string,
  id: string,
): Promise<DeploysTable | undefined> {
  return queries
    .selectFrom('deploys')
    .selectAll()
    .where('id', '=', id)
    .where('service_id', '=', serviceId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
}

export async function findDeployById(queries: Queries, id: string): Promise<DeploysTable | undefined> {
  return queries.selectFrom('deploys').selectAll().where('id', '=', id).executeTakeFirst();
}

/** What a list of deploys can be narrowed by. Instants exclude themselves. */
export interface DeployFilter {
  status?: readonly DeployPhase[] | undefined;
  createdBefore?: string | undefined;
  createdAfter?: string | undefined;
  updatedBefore?: string | undefined;
  updatedAfter?: string | undefined;
  finishedBefore?: string | undefined;
  finishedAfter?: string | undefined;
}

/** Deploys of a service, newest first. @param page.after the last one of the page before */
export async function selectDeploys(
  queries: Queries,
  serviceId: string,
  filter: DeployFilter,
  page: { limit: number; after?: { createdAt: string; id: string } | undefined },
): Promise<DeploysTable[]> {
  if (filter.status?.length === 0) return [];
  let query = queries.selectFrom('deploys').selectAll().where('service_id', '=', serviceId);
  if (filter.status) query = query.where('status', 'in', filter.status);
  if (filter.createdBefore) query = query.where('created_at', '<', filter.createdBefore);
  if (filter.createdAfter) query = query.where('created_at', '>', filter.createdAfter);
  if (filter.updatedBefore) query = query.where('updated_at', '<', filter.updatedBefore);
  if (filter.updatedAfter) query = query.where('updated_at', '>', filter.updatedAfter);
  if (filter.finishedBefore) query = query.where('finished_at', '<', filter.finishedBefore);
  if (filter.finishedAfter) query = query.where('finished_at', '>', filter.finishedAfter);
  const { after } = page;
  if (after) {
    query = query.where((where) =>
      where.or([
        where('created_at', '<', after.createdAt),
        where.and([where('created_at', '=', after.createdAt), where('id', '<', after.id)]),
      ]),
    );
  }
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page.limit).execute();
}

/** The oldest waiting deploy whose service has no build under way. */
export async function nextQueuedDeploy(queries: Queries): Promise<DeploysTable | undefined> {
  return queries
    .selectFrom('deploys')
    .selectAll()
    .where(ACTIVE_DEPLOYS)
    .where('status', '=', 'queued')
    .where(
      'service_id',
      'not in',
      queries
        .selectFrom('deploys')
        .select('service_id')
        .where(ACTIVE_DEPLOYS)
        .where('status', '=', 'build_in_progress'),
    )
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
}

/** How many deploys wait before this one, up to `limit`. */
export async function countQueuedBefore(
  queries: Queries,
  deploy: Pick<DeploysTable, 'created_at' | 'id'>,
  limit: number,
): Promise<number> {
  const before = queries
    .selectFrom('deploys')
    .select('id')
    .where(ACTIVE_DEPLOYS)
    .where('status', '=', 'queued')
    .where((where) =>
      where(where.refTuple('created_at', 'id'), '<', where.tuple(deploy.created_at, deploy.id)),
    )
    .limit(limit);
  const row = await queries
    .selectFrom(before.as('before'))
    .select((select) => select.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Every deploy that waits, oldest first. */
export async function queuedDeploys(queries: Queries): Promise<DeploysTable[]> {
  return queries
    .selectFrom('deploys')
    .selectAll()
    .where(ACTIVE_DEPLOYS)
    .where('status', '=', 'queued')
    .orderBy('created_at')
    .execute();
}

/** Every deploy that is being built, oldest first. */
export async function deploysInProgress(queries: Queries): Promise<DeploysTable[]> {
  return queries
    .selectFrom('deploys')
    .selectAll()
    .where(ACTIVE_DEPLOYS)
    .where('status', '=', 'build_in_progress')
    .orderBy('created_at')
    .execute();
}

/** Which of the ids are deploys that are being built: those may have an instance. */
export async function activeDeploysAmong(queries: Queries, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await queries
    .selectFrom('deploys')
    .select('id')
    .where('id', 'in', ids)
    .where('status', '=', 'build_in_progress')
    .execute();
  return rows.map((row) => row.id);
}

/** Of the given ids those of deploys that another executor than this one builds, or built. */
export async function deploysOfOtherEngines(
  queries: Queries,
  ids: readonly string[],
  engine: string,
): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await queries
    .selectFrom('deploys')
    .select('id')
    .where('id', 'in', ids)
    .where('engine', '!=', engine)
    .execute();
  return rows.map(({ id }) => id);
}

/** The deploys of a service on which work is still to do. */
export async function activeDeploysOf(queries: Queries, serviceId: string): Promise<DeploysTable[]> {
  return queries
    .selectFrom('deploys')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where('status', 'in', DEPLOY_ACTIVE)
    .execute();
}

/** Records which commit a build works on; nothing when the deploy is not being built any more. */
export async function setDeployCommit(
  trx: Queries,
  id: string,
  commit: { id: string; message: string; createdAt: string },
  at: string,
): Promise<void> {
  await trx
    .updateTable('deploys')
    .set({
      commit_id: commit.id,
      commit_message: commit.message,
      commit_created_at: commit.createdAt,
      updated_at: at,
    })
    .where('id', '=', id)
    .where('status', '=', 'build_in_progress')
    .execute();
}

export type DeployTransition =
  | { result: 'applied'; deploy: DeploysTable }
  | { result: 'refused'; deploy: DeploysTable }
  | { result: 'missing' };

/**
 * Applies an event to a deploy, if its status accepts it, with the events that tell of it.
 * @param change.at an instant of the project's clock
 */
export async function transitionDeploy(
  trx: Queries,
  id: string,
  event: DeployEvent,
  change: { at: string; failure?: string; artifactId?: string; engine?: string },
): Promise<DeployTransition> {
  const before = await findDeployById(trx, id);
  if (!before) return { result: 'missing' };
  const to = nextDeploy(before.status, event);
  if (!to) return { result: 'refused', deploy: before };
  const isOver = to !== 'build_in_progress' && event !== 'replace';
  const deploy = await trx
    .updateTable('deploys')
    .set({
      status: to,
      updated_at: change.at,
      ...(event === 'build' ? { started_at: change.at } : {}),
      ...(isOver ? { finished_at: change.at } : {}),
      ...(change.failure === undefined ? {} : { failure: change.failure }),
      ...(change.engine === undefined ? {} : { engine: change.engine }),
      ...(change.artifactId === undefined ? {} : { artifact_id: change.artifactId }),
    })
    .where('id', '=', id)
    // The status that was read, and every other source is refused: a change in between must not be overwritten.
    .where('status', '=', before.status)
    .where('status', 'in', deploySources(event))
    .returningAll()
    .executeTakeFirst();
  if (!deploy) return { result: 'refused', deploy: (await findDeployById(trx, id)) ?? before };
  for (const one of transitionEvents(before.status, deploy, change.at)) await insertEvent(trx, one);
  return { result: 'applied', deploy };
}

/** Copies what a deploy was built from to one that uses its result again. */
export async function setRolledBackCommit(
  trx: Queries,
  id: string,
  from: Pick<DeploysTable, 'commit_id' | 'commit_message' | 'commit_created_at' | 'created_at'>,
): Promise<void> {
  const { commit_id, commit_message, commit_created_at } = from;
  await trx
    .updateTable('deploys')
    .set({ commit_id, commit_message, commit_created_at })
    .where('id', '=', id)
    .execute();
}
