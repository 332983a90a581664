/** Lines of several segments in one order of time. */
import { compareInstants } from './instant.ts';
import type { StoredLine } from './log-store.ts';
import type { ScannedLine } from './scanner.ts';
import type { LineSource } from './segment.ts';

/** A segment's lines, and what they are lines of. */
export interface NamedSource {
  resource: string;
  segment: string;
  lines: LineSource;
}

interface Cursor {
  source: NamedSource;
  batch: ScannedLine[];
  at: number;
}

/** Lines that are given at once; a chunk of one segment may hold tens of thousands. */
const BATCH_LINES = 256;

export class Merge {
  readonly #sources: NamedSource[];
  readonly #sign: 1 | -1;
  readonly #keep: ((line: StoredLine) => boolean) | undefined;
  #cursors: Cursor[] | undefined;

  constructor(
    sources: NamedSource[],
    direction: 'forward' | 'backward',
    keep?: (line: StoredLine) => boolean,
  ) {
    this.#sources = sources;
    this.#sign = direction === 'forward' ? 1 : -1;
    this.#keep = keep;
  }

  /** The next lines that are kept; may be none. Undefined at the end. */
  async next(): Promise<StoredLine[] | undefined> {
    this.#cursors ??= await this.#open();
    const lines: StoredLine[] = [];
    while (lines.length < BATCH_LINES) {
      const cursor = this.#first();
      if (!cursor) return lines.length > 0 ? lines : undefined;
      const { resource, segment } = cursor.source;
      const line = cursor.batch[cursor.at]!.stored(resource, segment);
      if (!this.#keep || this.#keep(line)) lines.push(line);
      cursor.at++;
      if (cursor.at < cursor.batch.length) continue;
      if (!(await refill(cursor))) this.#cursors.splice(this.#cursors.indexOf(cursor), 1);
      // Reading takes time: what there is goes on its way.
      if (lines.length > 0) return lines;
    }
    return lines;
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.lines.close()));
  }

  #first(): Cursor | undefined {
    const cursors = this.#cursors!;
    let first = cursors[0];
    for (let i = 1; i < cursors.length; i++) {
      const one = cursors[i]!;
      if (compareInstants(one.batch[one.at]!, first!.batch[first!.at]!) * this.#sign < 0) first = one;
    }
    return first;
  }

  async #open(): Promise<Cursor[]> {
    const cursors: Cursor[] = [];
    for (const source of this.#sources) {
      const cursor = { source, batch: [], at: 0 };
      if (await refill(cursor)) cursors.push(cursor);
    }
    return cursors;
  }
}

async function refill(cursor: Cursor): Promise<boolean> {
  for (;;) {
    const batch = await cursor.source.lines.next();
    if (!batch) return false;
    cursor.batch = batch;
    cursor.at = 0;
    if (batch.length > 0) return true;
  }
}
