/**
 * Points in time with nanoseconds, as the lines of a log have them. A pair of whole numbers: one double cannot hold
 * nanoseconds since the epoch. As text they are RFC 3339 in UTC with nine decimals, so texts compare as times do.
 */
export interface Instant {
  /** Whole seconds since the epoch. */
  seconds: number;
  /** 0 to 999,999,999. */
  nanos: number;
}

const NANOS_PER_SECOND = 1_000_000_000;
const PATTERN = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-]\d\d):?(\d\d))$/;

/** Reads RFC 3339 with any offset and any number of decimals; undefined when the text is none. */
export function parseInstant(text: string): Instant | undefined {
  const match = PATTERN.exec(text);
  if (!match) return undefined;
  const zone = match[4] ? 'Z' : `${match[5]}:${match[6]}`;
  const ms = Date.parse(`${match[1]}T${match[2]}${zone}`);
  if (!Number.isFinite(ms)) return undefined;
  return { seconds: ms / 1000, nanos: Number((match[3] ?? '').padEnd(9, '0').slice(0, 9)) };
}

// Lines come in runs of the same second: its text is made once.
let lastSeconds = Number.NaN;
let lastText = '';

/** As `2026-11-23T17:46:47.838090452Z`. */
export function formatInstant({ seconds, nanos }: Instant): string {
  if (seconds !== lastSeconds) {
    lastText = new Date(seconds * 1000).toISOString().slice(0, 19);
    lastSeconds = seconds;
  }
  return `${lastText}.${String(nanos).padStart(9, '0')}Z`;
}

/** Negative, zero or positive, as `a` is before, at or after `b`. */
export function compareInstants(a: Instant, b: Instant): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

/** The next instant there is. */
export function after({ seconds, nanos }: Instant): Instant {
  return nanos + 1 < NANOS_PER_SECOND ? { seconds, nanos: nanos + 1 } : { seconds: seconds + 1, nanos: 0 };
}

/** The last instant before. */
export function before({ seconds, nanos }: Instant): Instant {
  return nanos > 0 ? { seconds, nanos: nanos - 1 } : { seconds: seconds - 1, nanos: NANOS_PER_SECOND - 1 };
}
