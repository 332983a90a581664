/** Reading events, also those of a deleted service. */
import type { Context } from '../context.ts';
import type { Page } from '../db/queries/conditions.ts';
import { type EventFilter, findEvent, selectEvents } from '../db/queries/events.ts';
import { findServiceWithDeleted } from '../db/queries/services.ts';
import type { EventsTable } from '../db/schema.ts';
import { notFound } from '../errors.ts';

export type StoredEvent = EventsTable;

/** @throws `notFound` */
export async function getEvent(context: Context, workspaceId: string, id: string): Promise<StoredEvent> {
  const event = await findEvent(context.database.read, workspaceId, id);
  if (!event) throw notFound(id);
  return event;
}

/** A page of a service's events, newest first. @throws `notFound` for the service */
export async function listEvents(
  context: Context,
  workspaceId: string,
  serviceId: string,
  filter: EventFilter,
  page: Page,
): Promise<StoredEvent[]> {
  const { read } = context.database;
  if (!(await findServiceWithDeleted(read, workspaceId, serviceId))) throw notFound(serviceId);
  return selectEvents(read, serviceId, filter, page);
}
