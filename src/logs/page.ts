/** One page out of several segments, merged by time, and the range that holds what the page does not. */
import { after, before, formatInstant, parseInstant } from './instant.ts';
import type { LogPage, LogQuery, StoredLine } from './log-store.ts';
import { Merge, type NamedSource } from './merge.ts';
import type { TimeRange } from './segment.ts';

/**
 * Reads a page. Times are unique within a segment; lines of several segments at one time stay on one page, which may
 * therefore be longer than the limit by the number of segments.
 */
export async function readPage(sources: NamedSource[], query: LogQuery, range: TimeRange): Promise<LogPage> {
  const merge = new Merge(sources, query.direction, query.keep);
  const lines: StoredLine[] = [];
  try {
    for (;;) {
      const batch = await merge.next();
      if (!batch) return page(lines, false, query, range);
      for (const line of batch) {
        const isTie = lines.at(-1)?.timestamp === line.timestamp;
        if (lines.length >= query.limit && !isTie) return page(lines, true, query, range);
        lines.push(line);
      }
    }
  } finally {
    await merge.close();
  }
}

function page(
  lines: StoredLine[],
  hasMore: boolean,
  { direction }: LogQuery,
  { start, end }: TimeRange,
): LogPage {
  const last = lines.length > 0 ? parseInstant(lines.at(-1)!.timestamp)! : undefined;
  const nextStart = last && direction === 'forward' ? after(last) : start;
  const nextEnd = last && direction === 'backward' ? before(last) : end;
  return { lines, hasMore, nextStartTime: formatInstant(nextStart), nextEndTime: formatInstant(nextEnd) };
}
