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

/**
 * Windows of addresses held at once, too few to fill memory with. Windows of keys are not bounded by this: only who
 * has a key makes one.
 */
const MAX_ADDRESS_WINDOWS = 20_000;
/** Beyond it, addresses that are new share one window: none that is under way is forgotten for their sake. */
const OTHERS = 'all other addresses';
/** At most this often, windows that are over are looked for. */
const SWEEP_MS = 10_000;
const MINUTE_MS = 60_000;

/** Who is counted: a key, or the address of who sent none. */
export type Counted = { keyId: string } | { address: string };

export class RateLimiter {
  readonly #ofKeys = new Windows();
  readonly #ofAddresses = new Windows();
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
   * @throws `rateLimited` when the window is used up
   */
  count(reply: FastifyReply, kind: RateClass, who: Counted): void {
    const { limit, lengthMs, unit } = this.#classes[kind];
    const nowMs = this.#clock.monotonicMs();
    const window = this.#window(kind, who, nowMs, lengthMs);
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

  #window(kind: RateClass, who: Counted, nowMs: number, lengthMs: number): Window {
    if ('keyId' in who) return this.#ofKeys.get(`${kind} ${who.keyId}`, nowMs, lengthMs);
    const name = `${kind} ${networkOf(who.address)}`;
    const isRoom = this.#ofAddresses.hasRoomFor(name, nowMs, MAX_ADDRESS_WINDOWS);
    return this.#ofAddresses.get(isRoom ? name : `${kind} ${OTHERS}`, nowMs, lengthMs);
  }
}

class Windows {
  readonly #windows = new Map<string, Window>();
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  get(name: string, nowMs: number, lengthMs: number): Window {
    const present = this.#windows.get(name);
    if (present && present.endsAtMs > nowMs) return present;
    this.#sweep(nowMs);
    const fresh = { endsAtMs: nowMs + lengthMs, used: 0 };
    this.#windows.set(name, fresh);
    return fresh;
  }

  hasRoomFor(name: string, nowMs: number, most: number): boolean {
    if (this.#windows.has(name) || this.#windows.size < most) return true;
    this.#sweep(nowMs);
    return this.#windows.size < most;
  }

  /** Forgets what is over. */
  #sweep(nowMs: number): void {
    if (nowMs < this.#sweptAtMs + SWEEP_MS) return;
    this.#sweptAtMs = nowMs;
    for (const [name, { endsAtMs }] of this.#windows) if (endsAtMs <= nowMs) this.#windows.delete(name);
  }
}

/** An IPv6 address counts as its network of 64 bits, all of which one person may have. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  const all = [...groups, ...Array<string>(missing).fill('0'), ...(tail ? tail.split(':') : [])];
  return `${all.slice(0, 4).join(':')}::/64`;
}

/** Which of the limits a request counts towards. @param operationId none for what no route serves */
export function rateClass(method: string, operationId?: string): RateClass {
  if (method === 'GET') return 'reads';
  return operationId === 'post-job' ? 'jobs' : 'writes';
}
