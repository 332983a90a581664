/** Lists of any length, gathered from pages. */
import { UsageError } from './exit-codes.ts';

/** The most that one request gives. */
const PAGE = 100;

/** @throws UsageError for what is no limit */
export function readLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`--limit must be a whole number from 1 on, got "${text}"`);
  }
  return limit;
}

/**
 * The first `limit` items of a list.
 * @param read asks for one page; an item's cursor leads to what follows it
 */
export async function gatherPages<Item extends { cursor: string }>(
  limit: number,
  read: (query: { limit: number; cursor?: string }) => Promise<Item[]>,
): Promise<Item[]> {
  const items: Item[] = [];
  while (items.length < limit) {
    const cursor = items.at(-1)?.cursor;
    const query = {
      limit: Math.min(PAGE, limit - items.length),
      ...(cursor === undefined ? {} : { cursor }),
    };
    const page = await read(query);
    items.push(...page);
    if (page.length < query.limit) break;
  }
  return items;
}
