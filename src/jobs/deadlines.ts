/** One timer for all deadlines: the earliest is armed, the rest wait in a map. Times are of the monotonic clock. */
import type { Clock } from '../shared/clock.ts';

/** Longest sleep: timers beyond 24.8 days overflow, and a suspended host is noticed by looking again. */
const MAX_SLEEP_MS = 60_000;

export class Deadlines {
  readonly #due = new Map<string, number>();
  readonly #clock: Clock;
  readonly #fire: (id: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  /** @param fire called once for each deadline that has passed */
  constructor(clock: Clock, fire: (id: string) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** Sets the deadline of `id`, in place of one it has. */
  set(id: string, monotonicMs: number): void {
    this.#due.set(id, monotonicMs);
    if (monotonicMs < this.#armedFor) this.#arm(monotonicMs);
  }

  clear(id: string): void {
    this.#due.delete(id);
  }

  stop(): void {
    this.#due.clear();
    clearTimeout(this.#timer);
  }

  /** Fires what is due now. Called by the timer; tests with a clock of their own call it too. */
  check(): void {
    const now = this.#clock.monotonicMs();
    const passed = [...this.#due].filter(([, due]) => due <= now);
    for (const [id] of passed) this.#due.delete(id);
    this.#arm(Math.min(Number.POSITIVE_INFINITY, ...this.#due.values()));
    for (const [id] of passed) this.#fire(id);
  }

  #arm(monotonicMs: number): void {
    clearTimeout(this.#timer);
    this.#armedFor = monotonicMs;
    if (monotonicMs === Number.POSITIVE_INFINITY) return;
    const sleep = Math.max(0, Math.min(MAX_SLEEP_MS, Math.ceil(monotonicMs - this.#clock.monotonicMs())));
    this.#timer = setTimeout(() => this.check(), sleep);
  }
}
