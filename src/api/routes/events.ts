import type { Context } from '../../context.ts';
import { getEvent, listEvents, type StoredEvent } from '../../services/read-events.ts';
import type { Event, ServiceEvent } from '../contract-types.ts';
import { readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';
import { readInstant } from '../time.ts';

export function eventRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-events', async ({ params, query, caller }) => {
    const filter = {
      types: query.type?.split(','),
      startTime: readInstant('startTime', query.startTime),
      endTime: readInstant('endTime', query.endTime),
    };
    const page = readPage(query);
    const events = await listEvents(context, caller.workspaceId, params.serviceId, filter, page);
    return events.map((event) => ({
      event: present(event) as ServiceEvent,
      cursor: encodeCursor({ createdAt: event.created_at, id: event.id }),
    }));
  });

  operations.add('retrieve-event', async ({ params, caller }) =>
    present(await getEvent(context, caller.workspaceId, params.eventId)),
  );
}

function present(event: StoredEvent): Event {
  return {
    id: event.id,
    timestamp: event.created_at,
    serviceId: event.service_id,
    type: event.type as Event['type'],
    details: JSON.parse(event.details),
  };
}
