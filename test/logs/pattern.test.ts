import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern, PatternError } from '../../src/logs/pattern.ts';

const within = (pattern: string, text: string) => compilePattern(pattern, 'within').matches(text);
const whole = (pattern: string, text: string) => compilePattern(pattern, 'whole').matches(text);

describe('patterns', () => {
  it('finds plain text in any case, within or as a whole', () => {
    expect(within('Error', 'an ERROR here')).toBe(true);
    expect(within('error', 'fine')).toBe(false);
    expect(whole('error', 'ERROR')).toBe(true);
    expect(whole('error', 'errors')).toBe(false);
  });

  it('takes what regular expressions mean something by as plain text', () => {
    expect(within('100% (of +?)', 'got 100% (of +?)')).toBe(true);
    expect(within('a.b', 'axb')).toBe(false);
  });

  it('matches wildcards as an ordinary expression would', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 });
    fc.assert(
      fc.property(letters, texts, (pattern, text) => {
        const source = pattern.split('*').join('.*');
        expect(whole(`${pattern}*`, text)).toBe(new RegExp(`^${source}.*$`).test(text));
        expect(within(`*${pattern}`, text)).toBe(new RegExp(source).test(text));
      }),
    );
  });

  it('runs regular expressions', () => {
    expect(within('/^a+b$/', 'aaab')).toBe(true);
    expect(within('/ERR/', 'err')).toBe(false);
    expect(within('/ERR/i', 'err')).toBe(true);
    expect(within('/a.b/', 'a\nb')).toBe(true);
  });

  it('names a text that everything it matches contains', () => {
    const pieces = fc.constantFrom(
      'ab',
      'X',
      'a*',
      'b?',
      'c{0,2}',
      '(d)',
      '(e)?',
      '[fg]',
      '\\d',
      '\\.',
      '\\141',
      '\\0142',
      '\\x63',
      '\\x{64}',
      '\\Qe.\\E',
      '\\\\',
      '(?i)',
      '[[:alpha:]]',
      '[^a]',
      '\\pL',
      'f{2,}',
      'g+?',
      'h*?',
      '\\b',
      '\\t',
      'h+',
      '.',
      '^',
      '|',
      '$',
    );
    const texts = fc.string({ unit: fc.constantFrom(...'abcdefghX1. 4x\\\t'.split('')), maxLength: 20 });
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 6 }), texts, (parts, text) => {
        const source = parts.join('');
        const pattern = compilePattern(`/${source}/`, 'within');
        if (pattern.required === undefined || !pattern.matches(text)) return;
        expect(text.toLowerCase()).toContain(pattern.required);
      }),
      { numRuns: 2000 },
    );
    expect(compilePattern('/^user \\d+ logged (in)? at/', 'within').required).toBe(' logged ');
    expect(compilePattern('/(?i)secret/', 'within').required).toBeUndefined();
    expect(compilePattern('user=*done', 'within').required).toBe('user=');
  });

  it.each([
    ['/\\101bc/', 'an Abc'],
    ['/\\60\\61/', '01'],
    ['/a\\0/', 'a\0'],
    ['/\\07bell/', '\u0007bell'],
    ['/[\\101]x/', 'Ax'],
  ])('names no text for the octal escape in %s, and finds it', (source, text) => {
    const pattern = compilePattern(source, 'within');
    expect(pattern.matches(text)).toBe(true);
    expect(pattern.required).toBeUndefined();
  });

  it('refuses what it cannot run', () => {
    for (const pattern of ['/(/', '/a(?=b)/', '/(a)\\1/', `/${'x'.repeat(1001)}/`]) {
      expect(() => compilePattern(pattern, 'within')).toThrow(PatternError);
    }
  });
});
