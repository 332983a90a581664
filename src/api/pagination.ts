/** Keyset pages: newest first, stable under inserts. A cursor names the last item seen by time of creation and id. */
import { invalid, quote } from '../errors.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** The place after which a page begins. */
export interface Keyset {
  createdAt: string;
  id: string;
}

/** The limit of a list: 20 unless given, clamped to 100. @throws when below 1 or not whole */
export function pageLimit(limit: number | undefined): number {
  if (limit === undefined) return DEFAULT_LIMIT;
  if (!Number.isInteger(limit) || limit < 1) {
    throw invalid(`query parameter limit must be a whole number from 1 to ${MAX_LIMIT}, got ${limit}`);
  }
  return Math.min(limit, MAX_LIMIT);
}

export function encodeCursor({ createdAt, id }: Keyset): string {
  return Buffer.from(`${createdAt} ${id}`).toString('base64url');
}

/** @throws when the text is not a cursor that this server made */
export function decodeCursor(cursor: string | undefined): Keyset | undefined {
  if (cursor === undefined || cursor === '') return undefined;
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (\S{1,200})$/.exec(text);
  if (!match)
    throw invalid(`query parameter cursor must be one from an earlier answer, got ${quote(cursor)}`);
  return { createdAt: match[1]!, id: match[2]! };
}
