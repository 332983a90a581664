/** Shipments: which segments are to be forwarded, and how far each has come. */
import type { Queries } from '../open.ts';
import type { LogShipmentsTable } from '../schema.ts';
import { ACTIVE_DEPLOYS, UNFINISHED_JOBS } from './conditions.ts';

/** A segment that exists or is about to. */
export interface NewSegment {
  resourceId: string;
  segment: string;
  serviceId: string;
  createdAt: string;
}

export async function fedUntil(queries: Queries, workspaceId: string): Promise<string | undefined> {
  const row = await queries
    .selectFrom('log_feeds')
    .select('fed_until')
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  return row?.fed_until;
}

export async function setFedUntil(trx: Queries, workspaceId: string, at: string): Promise<void> {
  await trx
    .insertInto('log_feeds')
    .values({ workspace_id: workspaceId, fed_until: at })
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet({ fed_until: at }))
    .execute();
}

/** Forgets what was on its way: forwarding that begins anew begins with what is new. */
export async function removeFeed(trx: Queries, workspaceId: string): Promise<void> {
  await trx.deleteFrom('log_feeds').where('workspace_id', '=', workspaceId).execute();
  await trx.deleteFrom('log_shipments').where('workspace_id', '=', workspaceId).execute();
}

/** Segments of jobs and deploys that were created after an instant, oldest first. */
export async function segmentsCreatedAfter(
  queries: Queries,
  workspaceId: string,
  after: string,
  limit: number,
  jobSegment: string,
): Promise<NewSegment[]> {
  const [jobs, deploys] = await Promise.all([
    queries
      .selectFrom('jobs')
      .select(['id', 'service_id', 'created_at'])
      .where('workspace_id', '=', workspaceId)
      .where('created_at', '>', after)
      .orderBy('created_at')
      .limit(limit)
      .execute(),
    queries
      .selectFrom('deploys')
      .select(['id', 'service_id', 'created_at'])
      .where('workspace_id', '=', workspaceId)
      .where('created_at', '>', after)
      .orderBy('created_at')
      .limit(limit)
      .execute(),
  ]);
  return asSegments(jobs, deploys, jobSegment)
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))
    .slice(0, limit);
}

/** Segments of what runs or waits now. */
export async function unfinishedSegments(
  queries: Queries,
  workspaceId: string,
  jobSegment: string,
): Promise<NewSegment[]> {
  const [jobs, deploys] = await Promise.all([
    queries
      .selectFrom('jobs')
      .select(['id', 'service_id', 'created_at'])
      .where('workspace_id', '=', workspaceId)
      .where(UNFINISHED_JOBS)
      .execute(),
    queries
      .selectFrom('deploys')
      .select(['id', 'service_id', 'created_at'])
      .where('workspace_id', '=', workspaceId)
      .where(ACTIVE_DEPLOYS)
      .execute(),
  ]);
  return asSegments(jobs, deploys, jobSegment);
}

type Row = { id: string; service_id: string; created_at: string };

/** A job's output is its own; a build's lines belong to the service, in a segment named by the deploy. */
const asSegments = (jobs: Row[], deploys: Row[], jobSegment: string): NewSegment[] => [
  ...jobs.map((job) => ({
    resourceId: job.id,
    segment: jobSegment,
    serviceId: job.service_id,
    createdAt: job.created_at,
  })),
  ...deploys.map((deploy) => ({
    resourceId: deploy.service_id,
    segment: deploy.id,
    serviceId: deploy.service_id,
    createdAt: deploy.created_at,
  })),
];

/** Adds shipments; those that are there already stay as they are. */
export async function addShipments(trx: Queries, workspaceId: string, segments: NewSegment[]): Promise<void> {
  for (let from = 0; from < segments.length; from += 200) {
    const rows = segments.slice(from, from + 200).map((one) => ({
      resource_id: one.resourceId,
      segment: one.segment,
      workspace_id: workspaceId,
      service_id: one.serviceId,
      sequence: -1,
      is_done: 0,
      created_at: one.createdAt,
    }));
    await trx
      .insertInto('log_shipments')
      .values(rows)
      .onConflict((conflict) => conflict.columns(['resource_id', 'segment']).doNothing())
      .execute();
  }
}

/** Shipments that are not done, oldest first. */
export async function openShipments(
  queries: Queries,
  workspaceId: string,
  limit: number,
): Promise<LogShipmentsTable[]> {
  return queries
    .selectFrom('log_shipments')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('is_done', '=', 0)
    .orderBy('created_at')
    .limit(limit)
    .execute();
}

/** Stores how far a shipment has come. */
export async function advanceShipment(
  trx: Queries,
  { resource_id, segment }: Pick<LogShipmentsTable, 'resource_id' | 'segment'>,
  changes: { sequence?: number; is_done?: number },
): Promise<void> {
  await trx
    .updateTable('log_shipments')
    .set(changes)
    .where('resource_id', '=', resource_id)
    .where('segment', '=', segment)
    .execute();
}

/** Done shipments are kept for a while, so that the feed knows them; then they go. */
export async function removeDoneShipments(trx: Queries, createdBefore: string): Promise<void> {
  await trx
    .deleteFrom('log_shipments')
    .where('is_done', '=', 1)
    .where('created_at', '<', createdBefore)
    .execute();
}
