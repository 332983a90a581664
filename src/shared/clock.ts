/**
 * Time as the project uses it. Wall-clock instants are RFC 3339 texts in UTC with microseconds, so they compare
 * as texts; durations are measured on a monotonic clock, which a jump of the wall clock does not touch.
 */
export interface Clock {
  /** The present instant; never earlier than, nor equal to, one this clock gave before. */
  now(): string;
  /** Wall-clock milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds since the host booted, counting sleep where the platform does. */
  monotonicMs(): number;
}

/** Formats microseconds since the epoch as `2026-11-23T17:42:31.123456Z`. */
export function formatMicros(micros: number): string {
  const ms = Math.floor(micros / 1000);
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros - ms * 1000).padStart(3, '0')}Z`;
}

/** Microseconds since the epoch of an RFC 3339 text with any offset; NaN when it is none. */
export function parseMicros(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)$/.exec(text);
  if (!match) return Number.NaN;
  const offset = match[4]!.toUpperCase();
  const zone = offset === 'Z' || offset.includes(':') ? offset : `${offset.slice(0, 3)}:${offset.slice(3)}`;
  const seconds = Date.parse(`${match[1]}T${match[2]}${zone}`);
  return seconds * 1000 + Number((match[3] ?? '').padEnd(6, '0').slice(0, 6));
}

/** Seconds between two instants of the project's format. */
export function secondsBetween(from: string, to: string): number {
  return (parseMicros(to) - parseMicros(from)) / 1_000_000;
}

export class SystemClock implements Clock {
  #lastMicros = 0;

  now(): string {
    // One microsecond past the last instant at least: order of creation is order of time.
    this.#lastMicros = Math.max(Date.now() * 1000, this.#lastMicros + 1);
    return formatMicros(this.#lastMicros);
  }

  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + Math.floor(nanoseconds / 1_000_000);
  }
}
