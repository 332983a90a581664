/** The bytes of a segment, by offsets of the uncompressed file, whether it is compressed or not. */
import { type FileHandle, open } from 'node:fs/promises';
import { CompressedBytes, compressedPath } from './compressed.ts';
import { ifMissing } from './missing-file.ts';

export interface SegmentBytes {
  /** Fills `into` from its index `from` on with what is at `offset`. @returns the number of bytes, 0 at the end */
  read(into: Buffer, from: number, offset: number): Promise<number>;
  /** How long it is now, and whether nothing will be added any more. */
  extent(): Promise<Extent>;
  close(): Promise<void>;
}

export interface Extent {
  size: number;
  isClosed: boolean;
}

/** Nothing may be written to a segment any more: its file is read-only, which survives restarts and costs no file. */
export const isClosedMode = (mode: number): boolean => (mode & 0o200) === 0;

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

  async extent(): Promise<Extent> {
    const { size, mode } = await this.#file.stat();
    return { size, isClosed: isClosedMode(mode) };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
