/** Reads a stretch of a segment into lines, one chunk at a time. */
import { TextFinder } from './find-text.ts';
import { type ScannedLine, Scanner, type ScanState } from './scanner.ts';
import type { SegmentBytes } from './segment-bytes.ts';

const CHUNK_BYTES = 256 * 1024;

/** What is read of a segment. */
export interface Stretch {
  /** Where it begins, and what was pending there. */
  from: ScanState;
  /** Where whole records end; of a growing one, where the file ends. */
  to: number;
  /** Bytes of a last record after that, which end a closed segment; undefined when it is not closed. */
  torn?: number | undefined;
  /** Its last record may be half written and is left for later, as are records that begin at `limit` or after it. */
  growing?: { limit: number } | undefined;
}

export interface BlockOptions {
  chunkBytes?: number;
  /** Lines without any of these (lower case, ASCII) need not be given. */
  contains?: readonly string[] | undefined;
  /** Where chunks are read to; lines are readable until it is used again. */
  space?: ChunkSpace;
}

export class BlockReader {
  readonly #bytes: SegmentBytes;
  readonly #stretch: Stretch;
  readonly #chunkBytes: number;
  readonly #space: ChunkSpace;
  readonly #scanner: Scanner;
  #batch: ScannedLine[] = [];
  #carry: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(
    bytes: SegmentBytes,
    stretch: Stretch,
    { chunkBytes = CHUNK_BYTES, contains, space = new ChunkSpace() }: BlockOptions = {},
  ) {
    this.#bytes = bytes;
    this.#stretch = stretch;
    this.#chunkBytes = chunkBytes;
    this.#space = space;
    const finder = contains && new TextFinder(contains);
    this.#scanner = new Scanner(stretch.from, (line) => this.#batch.push(line), finder);
  }

  /** Where reading goes on after the last batch. */
  get state(): ScanState {
    return this.#scanner.state;
  }

  /** The lines of the next chunk, which may be none; undefined after the last. They are gone with the next call. */
  async next(): Promise<ScannedLine[] | undefined> {
    if (this.#ended) return undefined;
    const { to, growing } = this.#stretch;
    const from = this.#scanner.state.offset + this.#carry.length;
    const length = Math.min(this.#chunkBytes, to - from);
    const chunk = await readChunk(this.#bytes, from, length, this.#carry, this.#space);
    this.#batch = [];
    const hasNothingNew = chunk.length === this.#carry.length;
    this.#carry = chunk.subarray(this.#scanner.scan(chunk, growing?.limit));
    const isAtLimit = growing !== undefined && this.#scanner.state.offset >= growing.limit;
    this.#ended = from + length >= to || hasNothingNew || isAtLimit;
    if (this.#ended && !growing) await this.#finish();
    return this.#batch;
  }

  async #finish(): Promise<void> {
    // The end lies between records, or inside one that is longer than any buffer.
    if (this.#carry.length > 0) this.#scanner.scanOpen(this.#carry);
    const { to, torn } = this.#stretch;
    if (torn === undefined) return;
    this.#scanner.finish(await readChunk(this.#bytes, to, torn, Buffer.alloc(0)));
  }
}

/** A buffer that one reading after the other takes place in; grows as needed. */
export class ChunkSpace {
  #bytes: Buffer = Buffer.alloc(0);

  take(length: number): Buffer {
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafe(length);
    return this.#bytes.subarray(0, length);
  }
}

/**
 * The carry followed by up to `length` bytes from `offset` on.
 * @param space where to read to; what was read there before is gone then, but for the carry
 */
export async function readChunk(
  bytes: SegmentBytes,
  offset: number,
  length: number,
  carry: Buffer,
  space?: ChunkSpace,
): Promise<Buffer> {
  const wanted = carry.length + Math.max(0, length);
  const chunk = space ? space.take(wanted) : Buffer.allocUnsafe(wanted);
  carry.copy(chunk);
  let filled = carry.length;
  while (filled < chunk.length) {
    const read = await bytes.read(chunk, filled, offset + filled - carry.length);
    if (read === 0) break;
    filled += read;
  }
  return chunk.subarray(0, filled);
}
