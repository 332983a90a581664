/** Reads a stretch of a segment into lines, one chunk at a time. */
import { type ScannedLine, Scanner, type ScanState } from './scanner.ts';
import type { SegmentBytes } from './segment-bytes.ts';

const CHUNK_BYTES = 256 * 1024;

export interface BlockOptions {
  chunkBytes?: number;
  /** Lines without any of these (lower case, ASCII) need not be given. */
  contains?: readonly string[] | undefined;
  /** Lines stay readable after the next batch was asked for; otherwise their buffer is used again. */
  keepsBatches?: boolean;
}

export class BlockReader {
  readonly #bytes: SegmentBytes;
  readonly #to: number;
  readonly #torn: number | undefined;
  readonly #chunkBytes: number;
  readonly #contains: readonly string[] | undefined;
  readonly #space: ChunkSpace | undefined;
  readonly #scanner: Scanner;
  #batch: ScannedLine[] = [];
  #carry: Buffer = Buffer.alloc(0);
  #ended = false;

  /**
   * @param from where the stretch begins, and what was pending there
   * @param to where whole records end
   * @param torn bytes of a last record after that, which end a closed segment; undefined when it is not closed
   */
  constructor(
    bytes: SegmentBytes,
    from: ScanState,
    to: number,
    torn: number | undefined,
    { chunkBytes = CHUNK_BYTES, contains, keepsBatches = false }: BlockOptions = {},
  ) {
    this.#bytes = bytes;
    this.#to = to;
    this.#torn = torn;
    this.#chunkBytes = chunkBytes;
    this.#contains = contains;
    this.#space = keepsBatches ? undefined : new ChunkSpace();
    this.#scanner = new Scanner(from, (line) => this.#batch.push(line));
  }

  /** Where reading goes on after the last batch. */
  get state(): ScanState {
    return this.#scanner.state;
  }

  /** The lines of the next chunk, which may be none; undefined after the last. */
  async next(): Promise<ScannedLine[] | undefined> {
    if (this.#ended) return undefined;
    const from = this.#scanner.state.offset + this.#carry.length;
    const length = Math.min(this.#chunkBytes, this.#to - from);
    const chunk = await readChunk(this.#bytes, from, length, this.#carry, this.#space);
    this.#batch = [];
    this.#ended = from + length >= this.#to || chunk.length === this.#carry.length;
    if (this.#contains) this.#scanner.givesWhole = containsAny(chunk, this.#contains);
    this.#carry = chunk.subarray(this.#scanner.scan(chunk));
    if (this.#ended) await this.#finish();
    return this.#batch;
  }

  async #finish(): Promise<void> {
    // The end lies between records, or inside one that is longer than any buffer.
    if (this.#carry.length > 0) this.#scanner.scanOpen(this.#carry);
    if (this.#torn === undefined) return;
    this.#scanner.finish(await readChunk(this.#bytes, this.#to, this.#torn, Buffer.alloc(0)));
  }
}

/** One look at a whole chunk is much cheaper than one at each of its lines. */
function containsAny(chunk: Buffer, words: readonly string[]): boolean {
  const text = chunk.toString('latin1').toLowerCase();
  return words.some((word) => text.includes(word));
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
