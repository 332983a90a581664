/**
 * Room of the data folder that is kept for what runs: free space and free inodes. Below it nothing new is accepted or
 * started, and whoever fills the disk is ended (`background/disk-watch.ts`): others must have the room in which they
 * write their output and their ends.
 */
import { statfsSync } from 'node:fs';
import { ErrandError } from '../errors.ts';
import type { Clock } from '../shared/clock.ts';

/** A burst of requests looks once. */
const LOOK_EVERY_MS = 1000;
/** An instance takes some dozens. */
const RESERVED_INODES = 10_000;
/** Of a file system that has few. */
const RESERVED_SHARE = 0.02;

/** What a file system has; without a limit on inodes they are infinitely many. */
export interface Room {
  freeBytes: number;
  usedBytes: number;
  allBytes: number;
  freeFiles: number;
  usedFiles: number;
  allFiles: number;
}

export function roomOf(folder: string): Room {
  const { blocks, bfree, bavail, bsize, files, ffree } = statfsSync(folder);
  const isUnlimited = files === 0;
  return {
    // For those who may not take what is kept for root.
    freeBytes: bavail * bsize,
    usedBytes: (blocks - bfree) * bsize,
    allBytes: blocks * bsize,
    freeFiles: isUnlimited ? Number.POSITIVE_INFINITY : ffree,
    usedFiles: isUnlimited ? 0 : files - ffree,
    allFiles: isUnlimited ? Number.POSITIVE_INFINITY : files,
  };
}

export class DiskReserve {
  readonly #folder: string;
  readonly #reserveBytes: number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #room: Room | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param folder on the file system that is looked at */
  constructor(folder: string, reserveBytes: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#folder = folder;
    this.#reserveBytes = reserveBytes;
    this.#clock = clock;
  }

  /** What there is right now. */
  look(): Room {
    this.#room = roomOf(this.#folder);
    this.#lookedAt = this.#clock.monotonicMs();
    return this.#room;
  }

  /** How much must become free for the reserve to be there again; zeros when it is. What is said may be a second old. */
  missing(): { bytes: number; files: number } {
    const isFresh = this.#clock.monotonicMs() - this.#lookedAt < LOOK_EVERY_MS;
    const room = (isFresh && this.#room) || this.look();
    return {
      bytes: Math.max(0, this.#reserveBytes - room.freeBytes),
      files: Math.max(0, reservedFiles(room) - room.freeFiles),
    };
  }

  /** Whether more than the reserve is free. */
  hasRoom(): boolean {
    const { bytes, files } = this.missing();
    return bytes === 0 && files === 0;
  }

  /** @throws `unavailable` when there is no room. @param what is refused, as `new jobs` */
  requireRoom(what: string): void {
    if (this.hasRoom()) return;
    const room = this.#room!;
    const found =
      room.freeBytes < this.#reserveBytes
        ? `${megabytes(room.freeBytes)} MB free, less than its reserve of ${megabytes(this.#reserveBytes)} MB`
        : `${room.freeFiles} inodes free, less than its reserve of ${reservedFiles(room)}`;
    throw new ErrandError(
      'unavailable',
      `the server accepts no ${what} now: its data folder has ${found}; try again when there is room`,
    );
  }
}

const reservedFiles = ({ allFiles }: Room): number =>
  Math.min(RESERVED_INODES, Math.floor(allFiles * RESERVED_SHARE));

const megabytes = (bytes: number): number => Math.floor(bytes / 2 ** 20);
