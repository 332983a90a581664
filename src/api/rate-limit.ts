/**
 * Limits on how often a key may call, in fixed windows held in memory: one small object for each key and class, no
 * timers. A restart begins new windows; what is counted here protects the server and is no account.
 */
import type { FastifyReply } from 'fastify';
import { ErrandError } from '../errors.ts';
import type { Clock } from '../shared/clock.ts';

export interface RateLimits {
  jobsPerHour: number;
  readsPerMinute: number;
  writesPerMinute: number;
}

export type RateClass = 'jobs' | 'reads' | 'writes';

interface Window {
  endsAtMs: number;
  used: number;
}

/** Windows held at once; beyond it the oldest goes. Enough for every key in use, too few to fill memory with. */
const MAX_WINDOWS = 20_000;
const MINUTE_MS = 60_000;

export class RateLimiter {
  readonly #windows = new Map<string, Window>();
  readonly #classes: Record<RateClass, { limit: number; lengthMs: number; unit: string }>;
  readonly #clock: Clock;

  constructor(limits: RateLimits, clock: Clock) {
    this.#clock = clock;
    this.#classes = {
      jobs: { limit: limits.jobsPerHour, lengthMs: 60 * MINUTE_MS, unit: 'new jobs per hour' },
      reads: { limit: limits.readsPerMinute, lengthMs: MINUTE_MS, unit: 'reads per minute' },
      writes: { limit: limits.writesPerMinute, lengthMs: MINUTE_MS, unit: 'changes per minute' },
    };
  }

  /**
   * Counts a request and tells the caller where it stands.
   * @param who the key, or the address of who sent none
   * @throws `rateLimited` when the window is used up
   */
  count(reply: FastifyReply, kind: RateClass, who: string): void {
    const { limit, lengthMs, unit } = this.#classes[kind];
    const nowMs = this.#clock.monotonicMs();
    const window = this.#window(`${kind} ${who}`, nowMs, lengthMs);
    window.used += 1;
    const resetSeconds = Math.ceil((window.endsAtMs - nowMs) / 1000);
    reply.headers({
      'ratelimit-limit': limit,
      'ratelimit-remaining': Math.max(0, limit - window.used),
      'ratelimit-reset': resetSeconds,
    });
    if (window.used <= limit) return;
    reply.header('retry-after', resetSeconds);
    throw new ErrandError('rateLimited', `${limit} ${unit}; try again in ${resetSeconds} seconds`);
  }

  #window(name: string, nowMs: number, lengthMs: number): Window {
    const present = this.#windows.get(name);
    if (present && present.endsAtMs > nowMs) return present;
    const fresh = { endsAtMs: nowMs + lengthMs, used: 0 };
    // Taken out first, so that the map's order is the order in which windows began.
    this.#windows.delete(name);
    if (this.#windows.size >= MAX_WINDOWS) this.#windows.delete(this.#windows.keys().next().value!);
    this.#windows.set(name, fresh);
    return fresh;
  }
}

/** Which of the limits a request counts towards. @param operationId none for what no route serves */
export function rateClass(method: string, operationId?: string): RateClass {
  if (method === 'GET') return 'reads';
  return operationId === 'post-job' ? 'jobs' : 'writes';
}
