/**
 * One segment file as a series of lines that can be entered at any time and read both ways. While it reads, it keeps
 * a checkpoint every few hundred KiB: enough to find a time, and to go backwards, without reading the whole file.
 */
import { stat } from 'node:fs/promises';
import { BlockReader, ChunkSpace, readChunk } from './block-reader.ts';
import { type ClosedSegment, CompressedBytes, compressedPath, compressSegment } from './compressed.ts';
import { streamOf } from './cri.ts';
import { compareInstants, type Instant } from './instant.ts';
import type { LogStreamName } from './log-store.ts';
import { ifMissing } from './missing-file.ts';
import {
  copyState,
  initialState,
  pendingBytes,
  type ScannedLine,
  Scanner,
  type ScanState,
} from './scanner.ts';
import { isClosedMode, openBytes, type SegmentBytes } from './segment-bytes.ts';

/** One read; also the distance of checkpoints at a file's beginning. */
const READ_BYTES = 256 * 1024;
/** From here on checkpoints are four times as far apart: their number must stay small for huge files. */
const LARGE_FILE_BYTES = 64 * 1024 * 1024;
/** Checkpoints wait, within limits, for a place where few parts are pending: they hold those in memory. */
const FEW_PENDING_BYTES = 1024;
const MAX_DELAY_STEPS = 16;

export interface TimeRange {
  start: Instant;
  end: Instant;
}

/** Batches of lines; undefined when there are no more. */
export interface LineSource {
  next(): Promise<ScannedLine[] | undefined>;
  close(): Promise<void>;
}

/** Up to where a segment can be read at a moment. */
export interface View {
  /** Grows later: those beyond `end` are not part of the view. */
  checkpoints: readonly ScanState[];
  /** Whole records end here. */
  end: number;
  /** Torn bytes of a closed segment beyond `end`; undefined while it may grow. */
  torn: number | undefined;
  first: Instant | undefined;
  last: Instant | undefined;
}

export class Segment {
  /** Of the uncompressed file. */
  readonly path: string;
  readonly #limitBytes: number;
  #checkpoints: ScanState[] = [initialState()];
  #scanner = new Scanner();
  #inode = 0;
  /** Set once: a closed segment does not change. */
  #closed: View | undefined;
  #busy: Promise<unknown> = Promise.resolve();

  /** @param limitBytes while it is written to, records that begin at this offset or later are not read */
  constructor(path: string, limitBytes: number = Number.POSITIVE_INFINITY) {
    this.path = path;
    this.#limitBytes = limitBytes;
  }

  /** Records that begin at this offset or later are not read while it is written to. */
  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** What can be read now. @returns undefined when there is no file */
  view(): Promise<View | undefined> {
    return this.#inTurn(async () => this.#closed ?? (await this.#catchUp(false)));
  }

  /** Streams whose last line has no end yet. */
  async unendedStreams(): Promise<LogStreamName[]> {
    await this.view();
    const { pending } = this.#scanner.state;
    return [...new Set(pending.flatMap((parts, slot) => (parts ? [streamOf(slot)] : [])))];
  }

  /** The time of the last line, with a line that is not ended yet counted. */
  async lastTime(): Promise<Instant | undefined> {
    const view = await this.#inTurn(async () => this.#closed ?? (await this.#catchUp(true)));
    return view?.last;
  }

  /** Lines of the range, oldest first. @param contains lines without any of these need not be given */
  forward(range: TimeRange, contains?: readonly string[]): LineSource {
    return this.#lazily(range, (bytes, view) => new ForwardSource(bytes, view, range, contains));
  }

  /** Lines of the range, newest first. */
  backward(range: TimeRange, contains?: readonly string[]): LineSource {
    return this.#lazily(range, (bytes, view) => new BackwardSource(bytes, view, range, contains));
  }

  /** Compresses the file of a closed segment. @returns whether it did */
  async compress(): Promise<boolean> {
    const status = await stat(this.path).catch(ifMissing);
    if (!status || !isClosedMode(status.mode)) return false;
    const view = await this.view();
    const bytes = view && (await openBytes(this.path));
    if (!bytes) return false;
    try {
      const { end, first, last } = view;
      const closed: ClosedSegment = {
        end,
        torn: view.torn ?? 0,
        first,
        last,
        checkpoints: checkpointsOf(view),
      };
      await compressSegment(this.path, bytes, closed);
    } finally {
      await bytes.close();
    }
    return true;
  }

  /** One reading at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => undefined);
    return done;
  }

  /** Reads what is new in the file. */
  async #catchUp(unended: boolean): Promise<View | undefined> {
    const status = await stat(this.path).catch(ifMissing);
    if (!status) return this.#readIndex();
    if (status.ino !== this.#inode || status.size < this.#scanner.state.offset) this.#restart(status.ino);
    const isClosed = isClosedMode(status.mode);
    const torn = await this.#scanTo(status.size, isClosed ? Number.POSITIVE_INFINITY : this.#limitBytes);
    const { state } = this.#scanner;
    const view: View = {
      checkpoints: this.#checkpoints,
      end: state.offset,
      torn: isClosed ? torn.length : undefined,
      first: state.first,
      last: isClosed || unended ? finished(state, torn) : timeOf(state),
    };
    if (isClosed) this.#closed = { ...view, first: view.first ?? view.last };
    return this.#closed ?? view;
  }

  async #readIndex(): Promise<View | undefined> {
    const compressed = await CompressedBytes.open(compressedPath(this.path));
    if (!compressed) return undefined;
    this.#closed = compressed.closed;
    this.#checkpoints = compressed.closed.checkpoints;
    await compressed.close();
    return this.#closed;
  }

  #restart(inode: number): void {
    this.#checkpoints = [initialState()];
    this.#scanner = new Scanner();
    this.#inode = inode;
  }

  /** Scans up to `size`. @returns the bytes of the last record that are there, when it has no end yet */
  async #scanTo(size: number, limit: number): Promise<Buffer> {
    let carry: Buffer = Buffer.alloc(0);
    if (size === this.#scanner.state.offset || this.#scanner.state.offset >= limit) return carry;
    const bytes = await openBytes(this.path);
    if (!bytes) return carry;
    const space = new ChunkSpace();
    try {
      for (;;) {
        const from = this.#scanner.state.offset + carry.length;
        const chunk = await readChunk(bytes, from, Math.min(READ_BYTES, size - from), carry, space);
        if (chunk.length === carry.length) return carry;
        carry = chunk.subarray(this.#scanner.scan(chunk, limit));
        if (this.#scanner.state.offset >= limit) return Buffer.alloc(0);
        this.#checkpoint();
      }
    } finally {
      await bytes.close();
    }
  }

  #checkpoint(): void {
    const { state } = this.#scanner;
    const last = this.#checkpoints.at(-1)!;
    const step = state.offset < LARGE_FILE_BYTES ? READ_BYTES : READ_BYTES * 4;
    const due = (state.offset - last.offset) / step;
    if (due < 1 || (due < MAX_DELAY_STEPS && pendingBytes(state) > FEW_PENDING_BYTES)) return;
    this.#checkpoints.push(copyState(state));
  }

  /** A source that is opened by its first use. */
  #lazily(range: TimeRange, make: (bytes: SegmentBytes, view: View) => LineSource): LineSource {
    const open = async (): Promise<LineSource | undefined> => {
      const view = await this.view();
      if (!view || isOutside(view, range)) return undefined;
      const bytes = await openBytes(this.path);
      return bytes && make(bytes, view);
    };
    let opened: Promise<LineSource | undefined> | undefined;
    return {
      async next() {
        opened ??= open();
        return (await opened)?.next();
      },
      async close() {
        await (await opened?.catch(() => undefined))?.close();
      },
    };
  }
}

const timeOf = (state: ScanState): Instant | undefined =>
  state.sequence === 0 ? undefined : { seconds: state.seconds, nanos: state.nanos };

function finished(state: ScanState, torn: Buffer): Instant | undefined {
  const copy = new Scanner(state);
  copy.finish(torn);
  return timeOf(copy.state);
}

function isOutside({ first, last }: View, { start, end }: TimeRange): boolean {
  if (!last) return true;
  return compareInstants(last, start) < 0 || (first !== undefined && compareInstants(first, end) > 0);
}

const checkpointsOf = (view: View): ScanState[] =>
  view.checkpoints.filter((state, index) => index === 0 || state.offset < view.end);

/** The last checkpoint of the view that `matches`; the condition must hold for all before it. */
export function findCheckpoint(view: View, matches: (state: ScanState) => boolean): number {
  let low = -1;
  let high = view.checkpoints.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const state = view.checkpoints[middle]!;
    if (state.offset <= view.end && matches(state)) low = middle;
    else high = middle - 1;
  }
  return low;
}

class ForwardSource implements LineSource {
  readonly #bytes: SegmentBytes;
  readonly #range: TimeRange;
  readonly #block: BlockReader;

  constructor(bytes: SegmentBytes, view: View, range: TimeRange, contains?: readonly string[]) {
    this.#bytes = bytes;
    this.#range = range;
    // What follows a checkpoint is later than the line before it.
    const at = findCheckpoint(view, (state) => compareInstants(state, range.start) < 0);
    const from = view.checkpoints[Math.max(at, 0)]!;
    this.#block = new BlockReader(bytes, { from, to: view.end, torn: view.torn }, { contains });
  }

  async next(): Promise<ScannedLine[] | undefined> {
    const { start, end } = this.#range;
    for (;;) {
      const lines = await this.#block.next();
      if (!lines) return undefined;
      const inside = lines.filter(
        (line) => compareInstants(line, start) >= 0 && compareInstants(line, end) <= 0,
      );
      if (inside.length > 0) return inside;
      // Lines come in order, so past the end there is nothing.
      if (compareInstants(this.#block.state, end) > 0) return undefined;
    }
  }

  close(): Promise<void> {
    return this.#bytes.close();
  }
}

class BackwardSource implements LineSource {
  readonly #bytes: SegmentBytes;
  readonly #range: TimeRange;
  readonly #view: View;
  readonly #contains: readonly string[] | undefined;
  readonly #space = new ChunkSpace();
  /** The checkpoint whose block is read next. */
  #at: number;

  constructor(bytes: SegmentBytes, view: View, range: TimeRange, contains?: readonly string[]) {
    this.#bytes = bytes;
    this.#range = range;
    this.#contains = contains;
    this.#view = view;
    this.#at = findCheckpoint(view, (state) => compareInstants(state, range.end) < 0);
  }

  async next(): Promise<ScannedLine[] | undefined> {
    const { start, end } = this.#range;
    while (this.#at >= 0) {
      const from = this.#view.checkpoints[this.#at]!;
      const lines: ScannedLine[] = [];
      const block = this.#blockFrom(from);
      for (let batch = await block.next(); batch; batch = await block.next()) {
        for (const line of batch) {
          if (compareInstants(line, start) >= 0 && compareInstants(line, end) <= 0) lines.push(line);
        }
      }
      // What comes before a checkpoint is not later than the last line before it.
      this.#at = this.#at > 0 && compareInstants(from, start) >= 0 ? this.#at - 1 : -1;
      if (lines.length > 0) return lines.reverse();
    }
    return undefined;
  }

  /** Reads all of the block as one chunk, since its lines are given last first. */
  #blockFrom(from: ScanState): BlockReader {
    const { checkpoints, end, torn } = this.#view;
    const following = checkpoints[this.#at + 1];
    const isLast = following === undefined || following.offset >= end;
    const stretch = isLast ? { from, to: end, torn } : { from, to: following.offset };
    const options = { contains: this.#contains, chunkBytes: Number.POSITIVE_INFINITY, space: this.#space };
    return new BlockReader(this.#bytes, stretch, options);
  }

  close(): Promise<void> {
    return this.#bytes.close();
  }
}
