/** Filters that many lists share. */
import { isId } from '../shared/ids.ts';
import { decodeCursor, type Keyset, pageLimit } from './pagination.ts';
import { readInstant } from './time.ts';

/** The range of instants that `<name>Before` and `<name>After` of a query name. */
export function instantRange(
  query: Record<string, unknown>,
  name: string,
): { before?: string | undefined; after?: string | undefined } {
  const [before, after] = [`${name}Before`, `${name}After`];
  return {
    before: readInstant(before, query[before] as string | undefined),
    after: readInstant(after, query[after] as string | undefined),
  };
}

/** The page that a query asks for. @throws `invalidRequest` for a limit or a cursor that is none */
export function readPage(query: { limit?: number; cursor?: string }): {
  limit: number;
  after: Keyset | undefined;
} {
  return { limit: pageLimit(query.limit), after: decodeCursor(query.cursor) };
}

/**
 * The page of a list whose items carry no cursor: there the id of an item serves as one.
 * @param find the keyset of an item by its id
 */
export async function readPageById(
  query: { limit?: number; cursor?: string },
  find: (id: string) => Promise<Keyset | undefined>,
): Promise<{ limit: number; after: Keyset | undefined }> {
  if (query.cursor === undefined || !isId(query.cursor)) return readPage(query);
  return { limit: pageLimit(query.limit), after: await find(query.cursor) };
}

/** Whether the filter leaves out the caller's workspace, which is all that the caller can see. */
export function excludesCaller(
  ownerId: readonly string[] | undefined,
  caller: { workspaceId: string },
): boolean {
  return ownerId !== undefined && !ownerId.includes(caller.workspaceId);
}
