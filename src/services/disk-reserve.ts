/**
 * Free space that is kept for what runs already: below it nothing new is accepted or started, because that would take
 * the room in which running jobs write their output and their ends.
 */
import { statfsSync } from 'node:fs';
import { ErrandError } from '../errors.ts';
import type { Clock } from '../shared/clock.ts';

/** A burst of requests looks once. */
const LOOK_EVERY_MS = 1000;

export class DiskReserve {
  readonly #folder: string;
  readonly #reserveBytes: number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #freeBytes = Number.POSITIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param folder on the file system that is looked at */
  constructor(folder: string, reserveBytes: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#folder = folder;
    this.#reserveBytes = reserveBytes;
    this.#clock = clock;
  }

  /** Whether more than the reserve is free; what is said may be a second old. */
  hasRoom(): boolean {
    const now = this.#clock.monotonicMs();
    if (now - this.#lookedAt >= LOOK_EVERY_MS) {
      const { bavail, bsize } = statfsSync(this.#folder);
      this.#freeBytes = bavail * bsize;
      this.#lookedAt = now;
    }
    return this.#freeBytes >= this.#reserveBytes;
  }

  /** @throws `unavailable` when there is no room. @param what is refused, as `new jobs` */
  requireRoom(what: string): void {
    if (this.hasRoom()) return;
    throw new ErrandError(
      'unavailable',
      `the server accepts no ${what} now: its data folder has ${megabytes(this.#freeBytes)} MB free, less than its ` +
        `reserve of ${megabytes(this.#reserveBytes)} MB; try again when there is room`,
    );
  }
}

const megabytes = (bytes: number): number => Math.floor(bytes / 2 ** 20);
