/** One page out of several segments, merged by time, and the range that holds what the page does not. */
import { after, before, compareInstants, formatInstant } from './instant.ts';
import type { LogPage, LogQuery, StoredLine } from './log-store.ts';
import type { ScannedLine } from './scanner.ts';
import type { LineSource, TimeRange } from './segment.ts';

/** A segment's lines, and what they are lines of. */
export interface NamedSource {
  resource: string;
  segment: string;
  lines: LineSource;
}

/**
 * Reads a page. Times are unique within a segment; lines of several segments at one time stay on one page, which may
 * therefore be longer than the limit by the number of segments.
 */
export async function readPage(sources: NamedSource[], query: LogQuery, range: TimeRange): Promise<LogPage> {
  const merge = new Merge(sources, query);
  const lines: StoredLine[] = [];
  let last: ScannedLine | undefined;
  for (;;) {
    const next = await merge.next();
    if (!next) return page(lines, last, false, query, range);
    const isTie = last !== undefined && compareInstants(last, next.line) === 0;
    if (lines.length >= query.limit && !isTie) return page(lines, last, true, query, range);
    lines.push(next.stored);
    last = next.line;
  }
}

function page(
  lines: StoredLine[],
  last: ScannedLine | undefined,
  hasMore: boolean,
  { direction }: LogQuery,
  { start, end }: TimeRange,
): LogPage {
  const nextStart = last && direction === 'forward' ? after(last) : start;
  const nextEnd = last && direction === 'backward' ? before(last) : end;
  return { lines, hasMore, nextStartTime: formatInstant(nextStart), nextEndTime: formatInstant(nextEnd) };
}

interface Cursor {
  source: NamedSource;
  batch: ScannedLine[];
  at: number;
  line: ScannedLine;
  stored: StoredLine;
}

/** The lines of all sources that the query keeps, in its order. */
class Merge {
  readonly #sources: NamedSource[];
  readonly #keep: ((line: StoredLine) => boolean) | undefined;
  readonly #sign: 1 | -1;
  #cursors: Cursor[] | undefined;

  constructor(sources: NamedSource[], { keep, direction }: LogQuery) {
    this.#sources = sources;
    this.#keep = keep;
    this.#sign = direction === 'forward' ? 1 : -1;
  }

  async next(): Promise<{ line: ScannedLine; stored: StoredLine } | undefined> {
    this.#cursors ??= await this.#open();
    let first: Cursor | undefined;
    for (const cursor of this.#cursors) {
      if (!first || compareInstants(cursor.line, first.line) * this.#sign < 0) first = cursor;
    }
    if (!first) return undefined;
    const { line, stored } = first;
    if (!(await this.#advance(first))) this.#cursors.splice(this.#cursors.indexOf(first), 1);
    return { line, stored };
  }

  async #open(): Promise<Cursor[]> {
    const cursors: Cursor[] = [];
    for (const source of this.#sources) {
      const cursor = { source, batch: [] as ScannedLine[], at: -1 } as unknown as Cursor;
      if (await this.#advance(cursor)) cursors.push(cursor);
    }
    return cursors;
  }

  /** Moves to the next line that is kept. @returns false when there is none */
  async #advance(cursor: Cursor): Promise<boolean> {
    const { resource, segment, lines } = cursor.source;
    for (;;) {
      cursor.at++;
      while (cursor.at >= cursor.batch.length) {
        const batch = await lines.next();
        if (!batch) return false;
        cursor.batch = batch;
        cursor.at = 0;
      }
      const line = cursor.batch[cursor.at]!;
      const stored = line.stored(resource, segment);
      if (this.#keep && !this.#keep(stored)) continue;
      cursor.line = line;
      cursor.stored = stored;
      return true;
    }
  }
}
