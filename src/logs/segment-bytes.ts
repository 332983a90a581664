/** The bytes of a segment, by offsets of the uncompressed file, whether it is compressed or not. */
import { type FileHandle, open } from 'node:fs/promises';
import { CompressedBytes, compressedPath } from './compressed.ts';
import { ifMissing } from './missing-file.ts';

export interface SegmentBytes {
  /** Fills `into` from its index `from` on with what is at `offset`. @returns the number of bytes, 0 at the end */
  read(into: Buffer, from: number, offset: number): Promise<number>;
  close(): Promise<void>;
}

/** Opens a segment by the path of its uncompressed file. @returns undefined when there is none */
export async function openBytes(path: string): Promise<SegmentBytes | undefined> {
  const raw = await open(path).catch(ifMissing);
  // A file is removed only after its compressed form is complete, so one of the two is always there.
  return raw ? new RawBytes(raw) : CompressedBytes.open(compressedPath(path));
}

class RawBytes implements SegmentBytes {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async read(into: Buffer, from: number, offset: number): Promise<number> {
    const { bytesRead } = await this.#file.read(into, from, into.length - from, offset);
    return bytesRead;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
