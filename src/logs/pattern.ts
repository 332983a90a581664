/**
 * Patterns of filters: plain text, `*` as a wildcard, or `/regex/` (with `i` behind it where case does not matter).
 * Regular expressions run in time linear in the text, so no pattern can hold up the server.
 */
import { RE2JS } from 're2js';

export type Matcher = (text: string) => boolean;

/** Larger patterns cost more to compile than a filter is worth. */
const MAX_PATTERN_LENGTH = 1000;

/** Why a pattern cannot be used, for people. */
export class PatternError extends Error {}

/**
 * Compiles a pattern.
 * @param mode `within`: the text contains it, case does not matter; `whole`: the text is it
 * @throws PatternError for a pattern that is too long or not a regular expression
 */
export function compilePattern(pattern: string, mode: 'within' | 'whole'): Matcher {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new PatternError(
      `a pattern may have ${MAX_PATTERN_LENGTH} characters, this one has ${pattern.length}`,
    );
  }
  const regex = /^\/(.+)\/(i?)$/s.exec(pattern);
  if (regex) return compileRegex(regex[1]!, regex[2] === 'i');
  if (pattern.includes('*')) return wildcard(pattern, mode);
  if (mode === 'whole') {
    const wanted = pattern.toLowerCase();
    return (text) => text.toLowerCase() === wanted;
  }
  return containing(pattern);
}

function compileRegex(source: string, ignoreCase: boolean): Matcher {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source, RE2JS.DOTALL | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0));
  } catch (error) {
    throw new PatternError(
      `/${source}/ is not a regular expression of this server: ${(error as Error).message}`,
    );
  }
  return (text) => compiled.matcher(text).find();
}

/** Texts between stars are found one after the other: the leftmost place is always right, so nothing is retried. */
function wildcard(pattern: string, mode: 'within' | 'whole'): Matcher {
  const parts = pattern.toLowerCase().split('*');
  const first = mode === 'whole' ? parts.shift()! : '';
  const last = mode === 'whole' ? parts.pop()! : '';
  const between = parts.filter((part) => part !== '');
  return (given) => {
    const text = given.toLowerCase();
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
      return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const part of between) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}

function containing(pattern: string): Matcher {
  const wanted = pattern.toLowerCase();
  return (text) => text.includes(pattern) || text.toLowerCase().includes(wanted);
}
