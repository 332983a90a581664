/**
 * Patterns of filters: plain text, `*` as a wildcard, or `/regex/` (with `i` behind it where case does not matter).
 * Regular expressions run in time linear in the text, so no pattern can hold up the server.
 */
import { RE2JS } from 're2js';

export interface Pattern {
  matches(text: string): boolean;
  /** A text, in lower case, that everything it matches contains; a quick way to pass over what cannot match. */
  required: string | undefined;
}

/** Larger patterns cost more to compile than a filter is worth. */
const MAX_PATTERN_LENGTH = 1000;

/** Why a pattern cannot be used, for people. */
export class PatternError extends Error {}

/**
 * Compiles a pattern.
 * @param mode `within`: the text contains it, case does not matter; `whole`: the text is it
 * @throws PatternError for a pattern that is too long or not a regular expression
 */
export function compilePattern(pattern: string, mode: 'within' | 'whole'): Pattern {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new PatternError(
      `a pattern may have ${MAX_PATTERN_LENGTH} characters, this one has ${pattern.length}`,
    );
  }
  const regex = /^\/(.+)\/(i?)$/s.exec(pattern);
  if (regex) return compileRegex(regex[1]!, regex[2] === 'i');
  if (pattern.includes('*')) return wildcard(pattern, mode);
  const wanted = pattern.toLowerCase();
  const required = longest([wanted]);
  if (mode === 'whole') return { matches: (text) => text.toLowerCase() === wanted, required };
  return { matches: (text) => text.includes(pattern) || text.toLowerCase().includes(wanted), required };
}

function compileRegex(source: string, ignoreCase: boolean): Pattern {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source, RE2JS.DOTALL | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0));
  } catch (error) {
    throw new PatternError(
      `/${source}/ is not a regular expression of this server: ${(error as Error).message}`,
    );
  }
  const literals = literalsOf(source);
  return { matches: (text) => compiled.matcher(text).find(), required: longest(literals) };
}

/**
 * Texts that every match of a regular expression contains: runs of plain characters outside of groups and classes.
 * Careful rather than clever: anything out of the ordinary gives none.
 */
function literalsOf(source: string): string[] {
  // An escape may be longer than its first letter: of `\101`, which is an A, nothing is plain.
  if (/[|]|\(\?|\\[QEpPx\d]/.test(source)) return [];
  // Groups and classes may match anything; what is repeated or optional may be missing.
  const flat = source.replaceAll(/\\[A-Za-z0-9]/g, '\n').replaceAll(/\[[^\]]*\]/g, '\n');
  if (/[[\]]/.test(flat.replaceAll(/\\./g, ''))) return [];
  const outside = flat.replaceAll(/\\[()]/g, '\n').replaceAll(/\(.*\)/gs, '\n');
  return outside
    .replaceAll(/(\\.|[^\\])(?:[*?]|\{[^}]*\})/g, '\n')
    .split(/[\n.^$+*?(){}]|\\./)
    .map((literal) => literal.toLowerCase());
}

/** The longest text that can be looked for in bytes: plain ASCII. */
function longest(texts: string[]): string | undefined {
  const usable = texts.filter((text) => /^[\x20-\x7e]+$/.test(text));
  return usable.sort((a, b) => b.length - a.length)[0];
}

/** Texts between stars are found one after the other: the leftmost place is always right, so nothing is retried. */
function wildcard(pattern: string, mode: 'within' | 'whole'): Pattern {
  const parts = pattern.toLowerCase().split('*');
  const first = mode === 'whole' ? parts.shift()! : '';
  const last = mode === 'whole' ? parts.pop()! : '';
  const between = parts.filter((part) => part !== '');
  const matches = (given: string): boolean => {
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
  return { matches, required: longest([first, ...between, last]) };
}
