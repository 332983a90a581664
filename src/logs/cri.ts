/**
 * The record format of a segment, that of the Container Runtime Interface, which `conmon` writes:
 *
 *     2026-11-23T17:46:47.838090452+00:00 stdout F message\n
 *
 * F ends a line; P is a part of one, to be joined with what follows of the same stream. The server's own lines carry a
 * second tag (`F:errand`), so that they are never joined to a part that the program left open.
 */
import { formatInstant, type Instant, parseInstant } from './instant.ts';
import type { LogStreamName } from './log-store.ts';

/** Where parts wait for their end: one place per stream and writer. */
export const SLOTS = 4;
export type Slot = number;

export const streamOf = (slot: Slot): LogStreamName => ((slot & 1) === 0 ? 'stdout' : 'stderr');

/** Longer messages are written as several records, so that no reader needs a larger buffer for one. */
const MAX_RECORD_BYTES = 16 * 1024;

/** The server's own lines as bytes to append in one write. Line breaks inside the message make several lines. */
export function formatRecords(at: Instant, stream: LogStreamName, message: string): Buffer {
  const time = formatInstant(at);
  const parts: Buffer[] = [];
  for (const line of message.replace(/\r?\n$/, '').split('\n')) {
    const body = Buffer.from(line);
    let from = 0;
    do {
      const to = Math.min(from + MAX_RECORD_BYTES, body.length);
      const tag = to < body.length ? 'P' : 'F';
      parts.push(Buffer.from(`${time} ${stream} ${tag}:errand `), body.subarray(from, to), NEWLINE);
      from = to;
    } while (from < body.length);
  }
  return Buffer.concat(parts);
}

const NEWLINE = Buffer.from('\n');
const SPACE = 0x20;
const COLON = 0x3a;
const POINT = 0x2e;
/** `2026-11-23T` */
const DAY_LENGTH = 11;
/** `17:46:47.838090452` */
const CLOCK_LENGTH = 18;
/** What one supervisor writes all its records' times like. */
const USUAL_TIME = /^\d{4}-\d\d-\d\dT(\d\d):(\d\d):(\d\d)\.\d{9}(Z|[+-]\d\d:\d\d)$/;
/** Nine decimals and an offset, with some room. */
const MAX_TIME_LENGTH = 40;
const MAX_TAG_LENGTH = 32;

/** Reads the heads of records. One instance for one file: it remembers the last day, which most records share. */
export class HeadReader {
  seconds = 0;
  nanos = 0;
  slot: Slot = 0;
  /** Whether the record is a part of a line that goes on. */
  partial = false;

  /** The last day and zone, as bytes; none before the first record. */
  #day: Buffer = Buffer.alloc(0);
  #zone: Buffer = Buffer.alloc(0);
  /** When that day began. */
  #daySeconds = 0;

  /** Reads the head of the record in `bytes[from, to)`. @returns where the message begins, or -1 for no record */
  read(bytes: Buffer, from: number, to: number): number {
    const timeEnd = this.#readTime(bytes, from, to);
    if (timeEnd < 0) return -1;
    return this.#readStreamAndTag(bytes, timeEnd + 1, to);
  }

  #readTime(bytes: Buffer, from: number, to: number): number {
    const end = this.#readUsualTime(bytes, from, to);
    return end < 0 ? this.#readAnyTime(bytes, from, to) : end;
  }

  /** A time on the day and with the zone of the record before, in the form of `USUAL_TIME`, by arithmetic alone. */
  #readUsualTime(bytes: Buffer, from: number, to: number): number {
    const zone = this.#zone;
    const clock = from + DAY_LENGTH;
    const end = clock + CLOCK_LENGTH + zone.length;
    if (zone.length === 0 || end >= to || bytes[end] !== SPACE) return -1;
    const day = this.#day;
    // What differs differs at the end.
    for (let n = DAY_LENGTH - 1; n >= 0; n--) if (bytes[from + n] !== day[n]) return -1;
    for (let n = 0; n < zone.length; n++) if (bytes[clock + CLOCK_LENGTH + n] !== zone[n]) return -1;
    if (bytes[clock + 2] !== COLON || bytes[clock + 5] !== COLON || bytes[clock + 8] !== POINT) return -1;
    const hours = twoDigits(bytes, clock);
    const minutes = twoDigits(bytes, clock + 3);
    const seconds = twoDigits(bytes, clock + 6);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59) return -1;
    let nanos = 0;
    for (let at = clock + 9; at < clock + CLOCK_LENGTH; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) return -1;
      nanos = nanos * 10 + digit;
    }
    this.seconds = this.#daySeconds + hours * 3600 + minutes * 60 + seconds;
    this.nanos = nanos;
    return end;
  }

  #readAnyTime(bytes: Buffer, from: number, to: number): number {
    const end = indexOfSpace(bytes, from, Math.min(to, from + MAX_TIME_LENGTH));
    if (end < 0) return -1;
    const text = bytes.toString('latin1', from, end);
    const instant = parseInstant(text);
    if (!instant) return -1;
    this.seconds = instant.seconds;
    this.nanos = instant.nanos;
    const usual = USUAL_TIME.exec(text);
    if (usual) {
      const [, hours, minutes, seconds, zone] = usual;
      this.#day = Buffer.from(text.slice(0, DAY_LENGTH));
      this.#zone = Buffer.from(zone!);
      this.#daySeconds = instant.seconds - Number(hours) * 3600 - Number(minutes) * 60 - Number(seconds);
    }
    return end;
  }

  #readStreamAndTag(bytes: Buffer, from: number, to: number): number {
    // "stdout F" has 8 bytes; a torn record may have less.
    if (to - from < 8 || bytes[from + 6] !== SPACE) return -1;
    // The fourth letter tells "stdout" from "stderr".
    const letter = bytes[from + 3];
    if (letter !== 0x6f && letter !== 0x65) return -1;
    const tagFrom = from + 7;
    this.slot = letter === 0x6f ? 0 : 1;
    const first = bytes[tagFrom];
    if (first !== 0x46 && first !== 0x50) return -1;
    this.partial = first === 0x50;
    if (bytes[tagFrom + 1] === SPACE && tagFrom + 1 < to) return tagFrom + 2;
    const end = indexOfSpace(bytes, tagFrom, Math.min(to, tagFrom + MAX_TAG_LENGTH));
    // A supervisor leaves out the last space of an empty line.
    const tagTo = end < 0 ? to : end;
    if (tagTo - tagFrom > 1) {
      if (bytes[tagFrom + 1] !== 0x3a) return -1;
      if (bytes.toString('latin1', tagFrom + 2, tagTo) === 'errand') this.slot += 2;
    }
    return Math.min(tagTo + 1, to);
  }
}

function twoDigits(bytes: Buffer, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

function indexOfSpace(bytes: Buffer, from: number, to: number): number {
  for (let at = from; at < to; at++) if (bytes[at] === SPACE) return at;
  return -1;
}
