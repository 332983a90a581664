/** Hides secret values in lines. */
import { CONTINUED_MARK, CONTINUES_MARK } from './scanner.ts';

/** Shorter values are words of everyday output: hiding those would hide everything. */
export const MIN_SECRET_LENGTH = 8;
const MASK = '[masked]';
/** Less of a value at the border of two pieces is not worth the words that would be hidden by mistake. */
const MIN_PART_LENGTH = 4;

export type Masker = (message: string) => string;

/**
 * @param values secrets; of one with several lines each line counts, since output comes in lines
 * @returns undefined when none is long enough to be hidden
 */
export function createMasker(values: Iterable<string>): Masker | undefined {
  const secrets = new Set<string>();
  for (const value of values) {
    for (const line of value.split(/\r?\n/)) {
      const text = line.trim();
      if (text.length >= MIN_SECRET_LENGTH) secrets.add(text);
    }
  }
  if (secrets.size === 0) return undefined;
  // Longest first: where one contains another, the whole goes.
  const sorted = [...secrets].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(sorted.map(literal).join('|'), 'g');
  return (message) => {
    const masked = message.replaceAll(pattern, MASK);
    const isPiece = message.endsWith(CONTINUES_MARK) || message.startsWith(CONTINUED_MARK);
    return isPiece ? maskBorders(masked, sorted) : masked;
  };
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** A line of more than 64 KiB comes in pieces, and a secret may lie on the border of two. */
function maskBorders(message: string, secrets: readonly string[]): string {
  let text = message;
  if (text.startsWith(CONTINUED_MARK)) {
    const rest = text.slice(CONTINUED_MARK.length);
    const part = longestPart(secrets, (secret, length) => rest.startsWith(secret.slice(-length)));
    if (part > 0) text = `${CONTINUED_MARK}${MASK}${rest.slice(part)}`;
  }
  if (text.endsWith(CONTINUES_MARK)) {
    const rest = text.slice(0, -CONTINUES_MARK.length);
    const part = longestPart(secrets, (secret, length) => rest.endsWith(secret.slice(0, length)));
    if (part > 0) text = `${rest.slice(0, -part)}${MASK}${CONTINUES_MARK}`;
  }
  return text;
}

function longestPart(
  secrets: readonly string[],
  matches: (secret: string, length: number) => boolean,
): number {
  let longest = 0;
  for (const secret of secrets) {
    for (let length = secret.length - 1; length >= MIN_PART_LENGTH && length > longest; length--) {
      if (matches(secret, length)) longest = length;
    }
  }
  return longest;
}
