/** Events: what happened to a service, written in the transaction that made it happen. */
import { newId } from '../../shared/ids.ts';
import type { Queries } from '../open.ts';

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

/** Stores an event and returns its id. Call it in the transaction of the change that it tells of. */
export async function insertEvent(trx: Queries, event: NewEvent): Promise<string> {
  const id = newId('evt');
  await trx
    .insertInto('events')
    .values({
      id,
      workspace_id: event.workspaceId,
      service_id: event.serviceId,
      type: event.type,
      details: JSON.stringify(event.details),
      created_at: event.at,
    })
    .execute();
  return id;
}
