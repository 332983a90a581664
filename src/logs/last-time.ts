/**
 * A bound for the time of a segment's last line, from the end of the file alone: reading all of a large output would
 * keep its job from becoming final.
 */
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Instant, parseInstant } from './instant.ts';

/** Longer than any record: supervisors split lines long before. */
const TAIL_BYTES = 256 * 1024;
/** The least a record takes: its time, stream, tag and line break. */
const LEAST_RECORD_BYTES = 40;
const NANOS_PER_SECOND = 1_000_000_000;

/**
 * An instant that is not before the last line's, and after it by less than a nanosecond for each line of the file:
 * that much is added at most to tell lines of one time apart. Undefined when the end of the file holds no record.
 * @param size of the file, in bytes
 */
export async function lastTimeBound(path: string, size: number): Promise<Instant | undefined> {
  const file = await open(path, 'r');
  try {
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    const records = buffer.toString('latin1', 0, bytesRead).split('\n');
    // The first may begin before the tail.
    for (const record of records.slice(1).reverse()) {
      const time = parseInstant(record.split(' ', 1)[0]!);
      if (time) return later(time, Math.ceil(size / LEAST_RECORD_BYTES));
    }
    return undefined;
  } finally {
    await file.close();
  }
}

/**
 * The time of the last line of a small file in which every record is later than the one before; else undefined. Without
 * a turn of the event loop: most jobs print little, and wait for this before they are final.
 */
export function lastRisingTime(path: string): Instant | undefined {
  const records = readFileSync(path, 'latin1').split('\n');
  let last = '';
  for (const record of records) {
    if (record === '') continue;
    const time = record.slice(0, record.indexOf(' '));
    // Of one length, from one supervisor, they compare as texts.
    if (last !== '' && (time.length !== last.length || time <= last)) return undefined;
    last = time;
  }
  return parseInstant(last);
}

function later({ seconds, nanos }: Instant, by: number): Instant {
  const sum = nanos + by;
  return { seconds: seconds + Math.floor(sum / NANOS_PER_SECOND), nanos: sum % NANOS_PER_SECOND };
}
