/**
 * The compressed form of a closed segment, `<segment>.log.zst`: one zstd frame for each stretch between checkpoints,
 * so that any part can be read alone, then a skippable frame with the checkpoints. Standard tools decompress the file.
 */
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { Instant } from './instant.ts';
import { ifMissing } from './missing-file.ts';
import type { ScanState } from './scanner.ts';
import type { Extent, SegmentBytes } from './segment-bytes.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

/** Skippable frames begin with this and their length, both little-endian. */
const SKIPPABLE_MAGIC = 0x184d2a5e;
const HEAD_BYTES = 8;
/** The file ends with the index's length and this. */
const FOOTER_MAGIC = 0x31676c45;
const FOOTER_BYTES = 8;
const VERSION = 1;

export const compressedPath = (path: string): string => `${path}.zst`;

/** What is known of a closed segment without reading its lines. */
export interface ClosedSegment {
  /** Whole records end here. */
  end: number;
  /** Bytes of a torn record after them. */
  torn: number;
  first: Instant | undefined;
  last: Instant | undefined;
  checkpoints: ScanState[];
}

interface Index extends ClosedSegment {
  version: number;
  /** Where the frame of each checkpoint begins in the file, and where the last one ends. */
  positions: number[];
}

/**
 * Replaces the file at `path` by its compressed form. The file goes only after the other is durable.
 * @param closed what a reading of the whole file gave
 */
export async function compressSegment(
  path: string,
  bytes: SegmentBytes,
  closed: ClosedSegment,
): Promise<void> {
  const target = compressedPath(path);
  const temporary = `${target}.tmp`;
  const file = await open(temporary, 'w', 0o440);
  try {
    await writeCompressed(file, bytes, closed);
    // Retention counts from the last line, not from its compression.
    const { atimeMs, mtimeMs } = await stat(path);
    await file.utimes(atimeMs / 1000, mtimeMs / 1000);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, target);
  await syncFolder(dirname(path));
  await unlink(path);
}

async function writeCompressed(file: FileHandle, bytes: SegmentBytes, closed: ClosedSegment): Promise<void> {
  const positions = [0];
  for (const [index, { offset }] of closed.checkpoints.entries()) {
    const end = closed.checkpoints[index + 1]?.offset ?? closed.end + closed.torn;
    const block = Buffer.allocUnsafe(end - offset);
    for (let filled = 0; filled < block.length; ) {
      const read = await bytes.read(block, filled, offset + filled);
      if (read === 0) throw new Error(`a closed segment is shorter than it was: ${end} bytes expected`);
      filled += read;
    }
    const frame = await compress(block, LEVEL);
    await file.appendFile(frame);
    positions.push(positions.at(-1)! + frame.length);
  }
  const index: Index = { version: VERSION, positions, ...closed };
  const body = await compress(Buffer.from(JSON.stringify(index)), LEVEL);
  const frame = Buffer.alloc(HEAD_BYTES + body.length + FOOTER_BYTES);
  frame.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  frame.writeUInt32LE(body.length + FOOTER_BYTES, 4);
  body.copy(frame, HEAD_BYTES);
  frame.writeUInt32LE(body.length, HEAD_BYTES + body.length);
  frame.writeUInt32LE(FOOTER_MAGIC, HEAD_BYTES + body.length + 4);
  await file.appendFile(frame);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An open compressed segment. */
export class CompressedBytes implements SegmentBytes {
  readonly #file: FileHandle;
  readonly #index: Index;
  /** The block that was read last: reading goes on in it most of the time. */
  #block: { number: number; bytes: Buffer } | undefined;

  private constructor(file: FileHandle, index: Index) {
    this.#file = file;
    this.#index = index;
  }

  /** @returns undefined when there is no such file. @throws when it is damaged */
  static async open(path: string): Promise<CompressedBytes | undefined> {
    const file = await open(path).catch(ifMissing);
    if (!file) return undefined;
    try {
      return new CompressedBytes(file, await readIndex(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get closed(): ClosedSegment {
    return this.#index;
  }

  async read(into: Buffer, from: number, offset: number): Promise<number> {
    const { checkpoints, positions, end, torn } = this.#index;
    if (offset >= end + torn) return 0;
    const number = lastIndexAtOrBefore(checkpoints, offset);
    if (this.#block?.number !== number) {
      const frame = Buffer.allocUnsafe(positions[number + 1]! - positions[number]!);
      await this.#file.read(frame, 0, frame.length, positions[number]!);
      // In one piece: Node gives what it decompresses in buffers of this size, and makes one of them all.
      const end = checkpoints[number + 1]?.offset ?? this.#index.end + this.#index.torn;
      const chunkSize = end - checkpoints[number]!.offset + 64;
      this.#block = { number, bytes: await decompress(frame, { chunkSize }) };
    }
    return this.#block.bytes.copy(into, from, offset - checkpoints[number]!.offset);
  }

  async extent(): Promise<Extent> {
    return { size: this.#index.end + this.#index.torn, isClosed: true };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function readIndex(file: FileHandle, path: string): Promise<Index> {
  const { size } = await file.stat();
  const footer = Buffer.alloc(FOOTER_BYTES);
  await file.read(footer, 0, FOOTER_BYTES, size - FOOTER_BYTES);
  const length = footer.readUInt32LE(0);
  if (footer.readUInt32LE(4) !== FOOTER_MAGIC || length > size) throw new Error(`${path} is damaged`);
  const body = Buffer.alloc(length);
  await file.read(body, 0, length, size - FOOTER_BYTES - length);
  const index = JSON.parse((await decompress(body)).toString(), reviveBuffers) as Index;
  if (index.version !== VERSION) throw new Error(`${path} was written by a newer version (${index.version})`);
  // JSON has no undefined: places where nothing waits are null there.
  for (const state of index.checkpoints) state.pending = state.pending.map((parts) => parts ?? undefined);
  return index;
}

/** JSON shows a Buffer as `{type: 'Buffer', data: [...]}`. */
function reviveBuffers(_key: string, value: unknown): unknown {
  const shown = value as { type?: unknown; data?: unknown } | null;
  return shown?.type === 'Buffer' && Array.isArray(shown.data) ? Buffer.from(shown.data as number[]) : value;
}

function lastIndexAtOrBefore(checkpoints: readonly ScanState[], offset: number): number {
  let low = 0;
  let high = checkpoints.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (checkpoints[middle]!.offset <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
