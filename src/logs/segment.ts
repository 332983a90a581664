/**
 * One segment file as a series of lines that can be entered at any time and read both ways. While it reads, it keeps
 * a checkpoint every few hundred KiB: enough to find a time, and to go backwards, without reading the whole file.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { compareInstants, type Instant } from './instant.ts';
import {
  copyState,
  initialState,
  pendingBytes,
  type ScannedLine,
  Scanner,
  type ScanState,
} from './scanner.ts';

/** One read; also the distance of checkpoints at a file's beginning. */
const READ_BYTES = 256 * 1024;
/** From here on checkpoints are four times as far apart: their number must stay small for huge files. */
const LARGE_FILE_BYTES = 64 * 1024 * 1024;
/** Checkpoints wait, within limits, for a place where few parts are pending: they hold those in memory. */
const FEW_PENDING_BYTES = 1024;
const MAX_DELAY_STEPS = 16;

/** Nothing may be written to a segment any more: its file is read-only, which survives restarts and costs no file. */
export const isClosedMode = (mode: number): boolean => (mode & 0o200) === 0;

export interface TimeRange {
  start: Instant;
  end: Instant;
}

/** Batches of lines; undefined when there are no more. */
export interface LineSource {
  next(): Promise<ScannedLine[] | undefined>;
  close(): Promise<void>;
}

/** Where and up to what a segment can be read at a moment. */
interface View {
  checkpoints: readonly ScanState[];
  /** Whole records end here. */
  end: number;
  /** Torn bytes of a closed segment beyond `end`; undefined while it may grow. */
  torn: number | undefined;
  first: Instant | undefined;
  last: Instant | undefined;
}

export class Segment {
  readonly path: string;
  readonly #checkpoints: ScanState[] = [initialState()];
  #scanner = new Scanner();
  #inode = 0;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /** The time of the last line, with a line that is not ended yet counted. */
  async lastTime(): Promise<Instant | undefined> {
    const view = await this.#view(true);
    return view?.last;
  }

  /** Lines of the range, oldest first. */
  forward(range: TimeRange): LineSource {
    return lazily(async () => {
      const view = await this.#view(false);
      if (!view || isOutside(view, range)) return undefined;
      return new ForwardSource(await open(this.path), view, range);
    });
  }

  /** Lines of the range, newest first. */
  backward(range: TimeRange): LineSource {
    return lazily(async () => {
      const view = await this.#view(false);
      if (!view || isOutside(view, range)) return undefined;
      return new BackwardSource(await open(this.path), view, range);
    });
  }

  /** Reads what is new in the file; one reading at a time. @returns undefined when there is no file */
  #view(unended: boolean): Promise<View | undefined> {
    const view = this.#busy.then(() => this.#catchUp(unended));
    this.#busy = view.catch(() => undefined);
    return view;
  }

  async #catchUp(unended: boolean): Promise<View | undefined> {
    const status = await stat(this.path).catch(ifMissing);
    if (!status) return undefined;
    const grown = status.size - this.#scanner.state.offset;
    if (status.ino !== this.#inode || grown < 0) this.#restart(status.ino);
    let torn: Buffer = Buffer.alloc(0);
    if (status.size > this.#scanner.state.offset) {
      const file = await open(this.path);
      try {
        torn = await this.#read(file, status.size);
      } finally {
        await file.close();
      }
    }
    const closed = isClosedMode(status.mode);
    const { state } = this.#scanner;
    return {
      checkpoints: this.#checkpoints.slice(),
      end: state.offset,
      torn: closed ? torn.length : undefined,
      first: state.first,
      last: closed || unended ? finished(state, torn) : timeOf(state),
    };
  }

  #restart(inode: number): void {
    this.#checkpoints.splice(0, this.#checkpoints.length, initialState());
    this.#scanner = new Scanner();
    this.#inode = inode;
  }

  /** Scans up to `size`. @returns the bytes of the last record that are there, when it has no end yet */
  async #read(file: FileHandle, size: number): Promise<Buffer> {
    let carry: Buffer = Buffer.alloc(0);
    for (;;) {
      const from = this.#scanner.state.offset + carry.length;
      const chunk = await readChunk(file, from, Math.min(READ_BYTES, size - from), carry);
      if (chunk.length === carry.length) return carry;
      carry = chunk.subarray(this.#scanner.scan(chunk));
      this.#checkpoint();
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

export function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}

/** The carry followed by up to `length` bytes of the file. */
async function readChunk(file: FileHandle, at: number, length: number, carry: Buffer): Promise<Buffer> {
  const chunk = Buffer.allocUnsafe(carry.length + Math.max(0, length));
  carry.copy(chunk);
  let filled = carry.length;
  while (filled < chunk.length) {
    const { bytesRead } = await file.read(chunk, filled, chunk.length - filled, at + filled - carry.length);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return chunk.subarray(0, filled);
}

/** Reads from a checkpoint to an end, in batches of one chunk. */
class BlockReader {
  readonly #file: FileHandle;
  readonly #to: number;
  readonly #torn: number | undefined;
  readonly #scanner: Scanner;
  #batch: ScannedLine[] = [];
  #carry: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(file: FileHandle, from: ScanState, to: number, torn: number | undefined) {
    this.#file = file;
    this.#to = to;
    this.#torn = torn;
    this.#scanner = new Scanner(from, (line) => this.#batch.push(line));
  }

  async next(): Promise<ScannedLine[] | undefined> {
    if (this.#ended) return undefined;
    const from = this.#scanner.state.offset + this.#carry.length;
    const length = Math.min(READ_BYTES, this.#to - from);
    const chunk = await readChunk(this.#file, from, length, this.#carry);
    this.#batch = [];
    this.#carry = chunk.subarray(this.#scanner.scan(chunk));
    this.#ended = from + length >= this.#to || chunk.length === this.#carry.length;
    if (this.#ended) await this.#finish();
    return this.#batch;
  }

  async #finish(): Promise<void> {
    // The end lies between records, or inside one that is longer than any buffer.
    if (this.#carry.length > 0) this.#scanner.scanOpen(this.#carry);
    if (this.#torn === undefined) return;
    this.#scanner.finish(await readChunk(this.#file, this.#to, this.#torn, Buffer.alloc(0)));
  }
}

class ForwardSource implements LineSource {
  readonly #file: FileHandle;
  readonly #range: TimeRange;
  readonly #block: BlockReader;

  constructor(file: FileHandle, view: View, range: TimeRange) {
    this.#file = file;
    this.#range = range;
    // What follows a checkpoint is later than the line before it.
    const from = view.checkpoints.findLast((at) => compareInstants(at, range.start) < 0) ?? initialState();
    this.#block = new BlockReader(file, from, view.end, view.torn);
  }

  async next(): Promise<ScannedLine[] | undefined> {
    const { start, end } = this.#range;
    for (;;) {
      const lines = await this.#block.next();
      if (!lines) return undefined;
      const last = lines.at(-1);
      if (!last || compareInstants(last, start) < 0) continue;
      const inside = lines.filter(
        (line) => compareInstants(line, start) >= 0 && compareInstants(line, end) <= 0,
      );
      // Lines come in order, so past the end there is nothing.
      if (inside.length === 0) return undefined;
      return inside;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

class BackwardSource implements LineSource {
  readonly #file: FileHandle;
  readonly #range: TimeRange;
  readonly #view: View;
  /** The checkpoint whose block is read next. */
  #at: number;

  constructor(file: FileHandle, view: View, range: TimeRange) {
    this.#file = file;
    this.#range = range;
    this.#view = view;
    this.#at = view.checkpoints.findLastIndex((at) => compareInstants(at, range.end) < 0);
  }

  async next(): Promise<ScannedLine[] | undefined> {
    const { start, end } = this.#range;
    const { checkpoints } = this.#view;
    while (this.#at >= 0) {
      const from = checkpoints[this.#at]!;
      const following = checkpoints[this.#at + 1];
      const block = following
        ? new BlockReader(this.#file, from, following.offset, undefined)
        : new BlockReader(this.#file, from, this.#view.end, this.#view.torn);
      const lines: ScannedLine[] = [];
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

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** A source that is opened by its first use. */
function lazily(make: () => Promise<LineSource | undefined>): LineSource {
  let made: Promise<LineSource | undefined> | undefined;
  return {
    async next() {
      made ??= make();
      return (await made)?.next();
    },
    async close() {
      await (await made?.catch(() => undefined))?.close();
    },
  };
}
