/** Instants in requests: RFC 3339 with any offset, or seconds (or milliseconds) since the epoch. */
import { invalid, quote } from '../errors.ts';
import { formatMicros, parseMicros } from '../shared/clock.ts';

/** Epoch numbers from here on are milliseconds: as seconds they would lie beyond the year 5000. */
const FIRST_MILLISECONDS = 100_000_000_000;

/** The instant in the project's format. @throws `invalidRequest` naming the parameter */
export function readInstant(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) {
    const number = Number(text);
    const seconds = number >= FIRST_MILLISECONDS ? number / 1000 : number;
    if (seconds < 253_402_300_800) return formatMicros(Math.round(seconds * 1_000_000));
  }
  // An unescaped plus sign of an offset arrives as a space.
  const micros = parseMicros(text.replace(/ (\d\d:?\d\d)$/, '+$1'));
  if (!Number.isFinite(micros)) {
    throw invalid(`${name} must be an RFC 3339 time such as 2026-01-31T12:00:00Z, got ${quote(text)}`);
  }
  return formatMicros(micros);
}
