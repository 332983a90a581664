/** A clock whose wall and monotonic time tests move; otherwise they go on as the system's do. */
import { type Clock, formatMicros, SystemClock } from '../../src/shared/clock.ts';

export class JumpingClock implements Clock {
  /** What the wall clock is ahead of the system's. */
  wallAheadMs = 0;
  /** What the monotonic clock is ahead of the system's. */
  monotonicAheadMs = 0;
  readonly #system = new SystemClock();
  #lastMicros = 0;

  now(): string {
    this.#lastMicros = Math.max(this.nowMs() * 1000, this.#lastMicros + 1);
    return formatMicros(this.#lastMicros);
  }

  nowMs(): number {
    return this.#system.nowMs() + this.wallAheadMs;
  }

  monotonicMs(): number {
    return this.#system.monotonicMs() + this.monotonicAheadMs;
  }
}
