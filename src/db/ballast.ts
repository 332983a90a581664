/**
 * A file that takes space for nothing, beside the database: when the disk is full it is given up, so that the ends of
 * running jobs can still be written. It takes its place again when there is room.
 */

import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** The end of a job takes a few KiB: enough for some thousands. */
const SIZE_BYTES = 8 * 2 ** 20;
/** It is not the ballast that fills a disk. */
const ROOM_BYTES = 4 * SIZE_BYTES;

export class Ballast {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Takes its place, where it has none and there is room. */
  restore(): void {
    try {
      if (existsSync(this.#file)) return;
      const { bavail, bsize } = statfsSync(dirname(this.#file));
      if (bavail * bsize < ROOM_BYTES) return;
      const file = openSync(this.#file, 'w', 0o600);
      // Nothing that a file system could compress or leave out.
      const piece = randomBytes(2 ** 20);
      for (let written = 0; written < SIZE_BYTES; written += writeSync(file, piece));
      fsyncSync(file);
      closeSync(file);
    } catch {
      // Without it a full disk is noticed a little earlier; nothing else depends on it.
    }
  }

  /** Gives its space up. @returns whether there was any to give */
  release(): boolean {
    if (!existsSync(this.#file)) return false;
    rmSync(this.#file, { force: true });
    return true;
  }
}
