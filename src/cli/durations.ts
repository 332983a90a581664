/** Times, durations and money as people read them. */
import { parseMicros, secondsBetween } from '../shared/clock.ts';

/** `850 ms`, `12.3 s`, `4 min 10 s`, `3 h 5 min`. @param seconds not negative */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** How long something took, or takes until now; undefined before it started. */
export function formatDuration(
  from: string | undefined,
  to: string | undefined,
  nowMs: number,
): string | undefined {
  if (from === undefined) return undefined;
  const seconds = to === undefined ? nowMs / 1000 - parseMicros(from) / 1_000_000 : secondsBetween(from, to);
  return formatSeconds(Math.max(0, seconds));
}

/** `3 min ago`. */
export function formatAge(instant: string, nowMs: number): string {
  const seconds = Math.max(0, nowMs / 1000 - parseMicros(instant) / 1_000_000);
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** `$0.000003`. @param micros millionths of a dollar */
export function formatCost(micros: number): string {
  return `$${(micros / 1_000_000).toFixed(6)}`;
}

/** Seconds of `90`, `90s`, `15m`, `2h` or `1d`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+)([smhd]?)$/.exec(text.trim());
  if (!match) return undefined;
  return Number(match[1]) * { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }[match[2]!]!;
}

/** An instant as the API takes it, of an RFC 3339 text or of an age such as `10m`; undefined for anything else. */
export function parseMoment(text: string, nowMs: number): string | undefined {
  const age = parseDuration(text);
  if (age !== undefined) return new Date(Math.max(0, nowMs - age * 1000)).toISOString();
  return Number.isNaN(parseMicros(text.trim())) ? undefined : text.trim();
}
