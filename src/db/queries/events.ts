/** Events: what happened to a service, written in the transaction that made it happen. */
import { newId } from '../../shared/ids.ts';
import type { Queries } from '../open.ts';
import { prepared } from '../prepared.ts';
import type { EventsTable } from '../schema.ts';
import { allOf, equals, follows, type Page } from './conditions.ts';

export interface NewEvent {
  workspaceId: string;
  serviceId: string;
  /** A type of the contract's `eventType`. */
  type: string;
  /** The contract's details of that type. */
  details: Record<string, unknown>;
  /** An instant of the project's clock. */
  at: string;
}

const insertion = prepared((queries, event: EventsTable) => queries.insertInto('events').values(event));

/** Stores an event and returns its id. Call it in the transaction of the change that it tells of. */
export async function insertEvent(trx: Queries, event: NewEvent): Promise<string> {
  const id = newId('evt');
  await insertion.run(trx, {
    id,
    workspace_id: event.workspaceId,
    service_id: event.serviceId,
    type: event.type,
    details: JSON.stringify(event.details),
    created_at: event.at,
  });
  return id;
}

/** What a list of events can be narrowed by; both ends of the range belong to it. */
export interface EventFilter {
  types?: readonly string[] | undefined;
  startTime?: string | undefined;
  endTime?: string | undefined;
}

/** Events of a service, newest first. */
export async function selectEvents(
  queries: Queries,
  serviceId: string,
  filter: EventFilter,
  page: Page,
): Promise<EventsTable[]> {
  let query = queries
    .selectFrom('events')
    .selectAll()
    .where(allOf(equals('events.service_id', serviceId), follows('events', page.after)));
  if (filter.types) query = query.where('type', 'in', filter.types);
  if (filter.startTime) query = query.where('created_at', '>=', filter.startTime);
  if (filter.endTime) query = query.where('created_at', '<=', filter.endTime);
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page.limit).execute();
}

export async function findEvent(
  queries: Queries,
  workspaceId: string,
  id: string,
): Promise<EventsTable | undefined> {
  return queries
    .selectFrom('events')
    .selectAll()
    .where('id', '=', id)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
}
