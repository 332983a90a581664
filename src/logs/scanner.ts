/**
 * Turns the bytes of a segment into lines: joins parts, splits what is too long, numbers the lines, and makes their
 * times strictly increasing by adding nanoseconds. All of it depends on the bytes alone, so every reading of a file
 * gives the same lines, also one that starts in the middle from a stored state.
 */
import { HeadReader, SLOTS, type Slot, streamOf } from './cri.ts';
import type { TextFinder } from './find-text.ts';
import { after, compareInstants, formatInstant, type Instant } from './instant.ts';
import type { LogStreamName, StoredLine } from './log-store.ts';

/** A longer line is shown as several; bounds what one line may cost any reader. */
export const MAX_LINE_BYTES = 64 * 1024;
/** How the pieces of a split line are recognised. */
export const CONTINUES_MARK = ' [line continues]';
export const CONTINUED_MARK = '[line continued] ';
/** A record without an end is read in parts beyond this. */
const MAX_OPEN_RECORD_BYTES = 128 * 1024;
const NEWLINE = 0x0a;

/** What must be remembered to go on at an offset. */
export interface ScanState {
  offset: number;
  /** The number of the next line, which is how many there were. */
  sequence: number;
  /** The time given to the last line; both 0 before the first. */
  seconds: number;
  nanos: number;
  /** The time given to the first line. */
  first?: Instant;
  /** Parts that wait for the end of their line, by slot. */
  pending: (PendingParts | undefined)[];
  /** Set inside a record that is longer than any buffer. */
  open?: { slot: Slot; partial: boolean; seconds: number; nanos: number };
}

interface PendingParts {
  /** The parts so far, in the first `length` bytes; the rest is room to grow. */
  bytes: Buffer;
  length: number;
  seconds: number;
  nanos: number;
  continued: boolean;
}

export const initialState = (): ScanState => ({
  offset: 0,
  sequence: 0,
  seconds: 0,
  nanos: 0,
  pending: Array.from({ length: SLOTS }, () => undefined),
});

/** A copy that shares nothing with the original. */
export const copyState = (state: ScanState): ScanState => ({
  ...state,
  pending: state.pending.map(
    (parts) => parts && { ...parts, bytes: Buffer.from(parts.bytes.subarray(0, parts.length)) },
  ),
});

/** Bytes that a state holds. */
export const pendingBytes = (state: ScanState): number =>
  state.pending.reduce((sum, parts) => sum + (parts?.length ?? 0), 0);

/** A line still in its buffer; its texts are made when they are asked for. */
export class ScannedLine implements Instant {
  readonly sequence: number;
  readonly seconds: number;
  readonly nanos: number;
  readonly slot: Slot;
  readonly #bytes: Buffer;
  readonly #from: number;
  readonly #to: number;
  readonly #marks: number;

  constructor(
    state: ScanState,
    slot: Slot,
    bytes: Buffer,
    from: number,
    to: number,
    continued: boolean,
    continues: boolean,
  ) {
    this.sequence = state.sequence - 1;
    this.seconds = state.seconds;
    this.nanos = state.nanos;
    this.slot = slot;
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#marks = (continued ? 1 : 0) + (continues ? 2 : 0);
  }

  get stream(): LogStreamName {
    return streamOf(this.slot);
  }

  get message(): string {
    // A carriage return before the line's end belongs to the end.
    const to = this.#to > this.#from && this.#bytes[this.#to - 1] === 0x0d ? this.#to - 1 : this.#to;
    const text = this.#bytes.toString('utf8', this.#from, to);
    if (this.#marks === 0) return text;
    return `${this.#marks & 1 ? CONTINUED_MARK : ''}${text}${this.#marks & 2 ? CONTINUES_MARK : ''}`;
  }

  stored(resource: string, segment: string): StoredLine {
    const { sequence, stream, message } = this;
    return { resource, segment, sequence, timestamp: formatInstant(this), stream, message };
  }
}

export type LineSink = (line: ScannedLine) => void;

export class Scanner {
  readonly state: ScanState;
  readonly #head = new HeadReader();
  readonly #sink: LineSink | undefined;
  /** Lines that lie in one record and have none of what it looks for are counted only. */
  readonly #wanted: TextFinder | undefined;
  /** Where the next find is in the chunk that is read. */
  #find = 0;

  /**
   * @param sink receives the lines; without it they are only counted, which is faster
   * @param wanted what lines must have, unless they are made of parts: then they are given in any case
   */
  constructor(state: ScanState = initialState(), sink?: LineSink, wanted?: TextFinder) {
    this.state = copyState(state);
    this.#sink = sink;
    this.#wanted = wanted;
  }

  /**
   * Reads the whole records of `chunk`, which begins at `state.offset`.
   * @param limit records that begin at this offset of the file or after it are left alone
   * @returns how many bytes were read
   */
  scan(chunk: Buffer, limit: number = Number.POSITIVE_INFINITY): number {
    const beyond = limit - this.state.offset;
    this.#wanted?.look(chunk);
    this.#find = this.#wanted?.next(0) ?? 0;
    let at = 0;
    while (at < chunk.length && at < beyond) {
      const end = chunk.indexOf(NEWLINE, at);
      if (end < 0) {
        if (chunk.length - at <= MAX_OPEN_RECORD_BYTES) break;
        this.#record(chunk, at, chunk.length, false);
        at = chunk.length;
        break;
      }
      this.#record(chunk, at, end, true);
      at = end + 1;
    }
    this.state.offset += at;
    return at;
  }

  /** Ends the segment: `rest` is a torn last record, and parts that wait become lines. */
  finish(rest: Buffer): void {
    this.#wanted?.look(rest);
    this.#find = this.#wanted?.next(0) ?? 0;
    if (rest.length > 0 || this.state.open) this.#record(rest, 0, rest.length, true);
    this.state.offset += rest.length;
    const waiting = this.state.pending.flatMap((parts, slot) => (parts ? [{ parts, slot }] : []));
    waiting.sort((a, b) => compareInstants(a.parts, b.parts));
    for (const { parts, slot } of waiting) {
      this.state.pending[slot] = undefined;
      this.#give(parts, slot, parts.bytes, 0, parts.length, parts.continued, false);
    }
  }

  /** Reads a piece of a record whose end is not in it. */
  scanOpen(piece: Buffer): void {
    this.#record(piece, 0, piece.length, false);
    this.state.offset += piece.length;
  }

  #record(chunk: Buffer, from: number, to: number, ended: boolean): void {
    const { state } = this;
    let body = from;
    let head = state.open;
    if (!head) {
      body = this.#head.read(chunk, from, to);
      // A torn head holds nothing of the program's output.
      if (body < 0) return;
      const { slot, partial, seconds, nanos } = this.#head;
      if (ended && !partial && state.pending[slot] === undefined && to - body <= MAX_LINE_BYTES) {
        if (this.#isWanted(body, to)) this.#give(this.#head, slot, chunk, body, to, false, false);
        else this.#count(this.#head);
        return;
      }
      head = { slot, partial, seconds, nanos };
    }
    state.open = ended ? undefined : head;
    this.#join(head, chunk.subarray(body, to), ended && !head.partial);
  }

  #isWanted(from: number, to: number): boolean {
    if (!this.#wanted) return true;
    if (this.#find < from) this.#find = this.#wanted.next(from);
    return this.#find < to;
  }

  /** Adds a part to its line, gives away what is more than a line may have, and the rest when the line ended. */
  #join(head: { slot: Slot } & Instant, part: Buffer, lineEnded: boolean): void {
    const { pending } = this.state;
    const waiting = pending[head.slot] ?? emptyParts();
    pending[head.slot] = waiting;
    append(waiting, part);
    waiting.seconds = head.seconds;
    waiting.nanos = head.nanos;
    // Lines refer to bytes from here on, so the parts that stay move to a buffer of their own.
    while (waiting.length > MAX_LINE_BYTES) {
      const { bytes, length, continued } = waiting;
      const cut = wholeCharacters(bytes, MAX_LINE_BYTES);
      this.#give(head, head.slot, bytes, 0, cut, continued, true);
      waiting.bytes = Buffer.from(bytes.subarray(cut, length));
      waiting.length = length - cut;
      waiting.continued = true;
    }
    if (!lineEnded) return;
    pending[head.slot] = undefined;
    this.#give(head, head.slot, waiting.bytes, 0, waiting.length, waiting.continued, false);
  }

  #give(
    at: Instant,
    slot: Slot,
    bytes: Buffer,
    from: number,
    to: number,
    continued: boolean,
    continues: boolean,
  ): void {
    const { state } = this;
    this.#count(at);
    this.#sink?.(new ScannedLine(state, slot, bytes, from, to, continued, continues));
  }

  /** Gives the next line its number and its time. */
  #count(at: Instant): void {
    const { state } = this;
    if (at.seconds > state.seconds || (at.seconds === state.seconds && at.nanos > state.nanos)) {
      state.seconds = at.seconds;
      state.nanos = at.nanos;
    } else {
      const next = after(state);
      state.seconds = next.seconds;
      state.nanos = next.nanos;
    }
    if (state.sequence === 0) state.first = { seconds: state.seconds, nanos: state.nanos };
    state.sequence++;
  }
}

const emptyParts = (): PendingParts => ({
  bytes: Buffer.alloc(0),
  length: 0,
  seconds: 0,
  nanos: 0,
  continued: false,
});

function append(parts: PendingParts, more: Buffer): void {
  const length = parts.length + more.length;
  if (length > parts.bytes.length) {
    // Doubling: a program may print a long line byte by byte.
    const larger = Buffer.allocUnsafe(Math.max(length, parts.bytes.length * 2, 256));
    parts.bytes.copy(larger, 0, 0, parts.length);
    parts.bytes = larger;
  }
  more.copy(parts.bytes, parts.length);
  parts.length = length;
}

/** The largest length up to `limit` that does not cut a UTF-8 character in two. */
function wholeCharacters(bytes: Buffer, limit: number): number {
  // Up to three continuation bytes before the cut belong to a character that may go on after it.
  for (let back = 0; back < 4; back++) {
    const byte = bytes[limit - back]!;
    if ((byte & 0xc0) !== 0x80) return limit - back;
  }
  return limit;
}
