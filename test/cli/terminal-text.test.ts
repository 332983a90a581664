import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanLines, escapeC1, TerminalText } from '../../src/cli/terminal-text.ts';

const shown = (...parts: string[]): string => {
  const text = new TerminalText();
  return parts.map((part) => text.push(part)).join('');
};
const ESC = '\u001b';
const ST = `${ESC}\\`;

describe('what passes', () => {
  test.each([
    ['plain text of any language', 'grün 日本語 😀 \u00a0|'],
    ['a colour', `${ESC}[1;31mred${ESC}[0m${ESC}[m`],
    ['256 and true colours', `${ESC}[38;5;9m${ESC}[48;2;1;2;3m${ESC}[4:3mx`],
    ['a tab, a carriage return, a backspace', 'a\tb\rc\bd'],
    ['columns', `${ESC}[2Ca${ESC}[3Db${ESC}[Gc${ESC}[5\`d${ESC}[ae`],
  ])('%s', (_name, text) => {
    expect(shown(text)).toBe(text);
  });
});

describe('what is dropped', () => {
  test.each([
    ['a title', `a${ESC}]0;pwned\u0007b`],
    ['a title that ends with ST', `a${ESC}]2;pwned${ST}b`],
    ['the clipboard', `a${ESC}]52;c;cHduZWQ=\u0007b`],
    ['a link', `a${ESC}]8;;http://x.invalid${ST}b`],
    ['a title of screen', `a${ESC}kpwned${ST}b`],
    ['DCS', `a${ESC}P$q"p${ST}b`],
    ['APC, PM, SOS', `a${ESC}_x${ST}${ESC}^y${ST}${ESC}Xz${ST}b`],
    ['the other screen', `a${ESC}[?1049hb`],
    ['a hidden cursor', `a${ESC}[?25lb`],
    ['pasting in brackets', `a${ESC}[?2004hb`],
    ['queries', `a${ESC}[6n${ESC}[c${ESC}[>c${ESC}[5n${ESC}Zb`],
    [
      'movement to other lines',
      `a${ESC}[A${ESC}[B${ESC}[2;2H${ESC}[3f${ESC}[E${ESC}[F${ESC}[d${ESC}[r${ESC}Mb`,
    ],
    ['scrolling, erasing, inserting', `a${ESC}[S${ESC}[T${ESC}[2J${ESC}[3J${ESC}[L${ESC}[M${ESC}[@b`],
    ['a reset, saved cursors, character sets', `a${ESC}c${ESC}7${ESC}8${ESC}(0${ESC}#8${ESC}%Gb`],
    ['keys that are reported otherwise', `a${ESC}[>4;1mb`],
    ['what only looks like a colour', `a${ESC}[?1m${ESC}[1 mb`],
    ['the printer and the window', `a${ESC}[5i${ESC}[8;1;1t${ESC}[21tb`],
    ['bell, vertical tab, form feed, shifts, NUL, DEL', 'a\u0007\u000b\u000c\u000e\u000f\u0000\u007fb'],
    ['C1 as one character', 'a\u009b2J\u009d0;pwned\u009c\u0090q\u009c\u009fx\u009c\u0085\u008d\u009ab'],
    ['C1 that begins with the one and ends with the other', `a\u009d0;pwned${ST}${ESC}]0;x\u009cb`],
    ['a sequence with control characters in it', `a${ESC}[\r2\u0000J${ESC}\n]0;x\u0007b`],
    ['a sequence of a thousand parameters', `a${ESC}[${'1;'.repeat(1000)}mb`],
    ['a column beyond all', `a${ESC}[99999999999Cb`],
  ])('%s', (_name, text) => {
    expect(shown(text)).toBe('ab');
  });

  test('what is broken off by another sequence, or taken back', () => {
    expect(shown(`a${ESC}[${ESC}[31mb`)).toBe(`a${ESC}[31mb`);
    expect(shown(`a${ESC}]0;x${ESC}[2Jb`)).toBe('ab');
    expect(shown(`a${ESC}]0;x\u0018b${ESC}[2\u001ac`)).toBe('abc');
    expect(shown(`a${ESC}éb${ESC}[1éc`)).toBe('aébéc');
  });

  test('movement within the line, where something stands before the text', () => {
    const text = new TerminalText({ movement: false });
    expect(text.push(`a\r\b${ESC}[5D${ESC}[G\t${ESC}[32mb`)).toBe(`a\t${ESC}[32mb`);
  });
});

test('a sequence may come in as many parts as it has characters', () => {
  const whole = `a${ESC}]0;pwned\u0007b${ESC}[31mc${ESC}[2Jd\u009dx${ST}e`;
  expect(shown(...whole)).toBe(shown(whole));
  expect(shown(whole)).toBe(`ab${ESC}[31mcde`);
});

test('a sequence that is never ended hides nothing of the next line', () => {
  const text = new TerminalText();
  for (const open of [ESC, `${ESC}]0;title`, `${ESC}[12`, `${ESC}P`, '\u009d', `${ESC}(`]) {
    expect(text.push(`a${open}`)).toBe('a');
    text.endLine();
    expect(text.push('all of this')).toBe('all of this');
    text.endLine();
  }
});

test('whatever comes in, in whatever parts: nothing comes out that acts beyond its line', () => {
  const pieces = fc.oneof(
    fc.constantFrom(
      ESC,
      '[',
      ']',
      'P',
      '_',
      '\\',
      '\u0007',
      '\u009b',
      '\u009c',
      '\u009d',
      '?',
      ';',
      '1',
      'm',
      'J',
    ),
    fc.constantFrom('\u0018', '\u001a', '\r', '\n', ' ', '$', 'h', 'C', 'k', '\u0085', 'é', '😀'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  const harmless = /^(?:[^\u0000-\u001f\u007f-\u009f]|[\t\r\b]|\u001b\[(?:[\d:;]*m|\d*[CDG`a]))*$/u;
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
      expect(shown(...parts)).toMatch(harmless);
    }),
    { numRuns: 1000 },
  );
});

test('text of several lines keeps them', () => {
  expect(cleanLines(`a${ESC}]0;x\nb${ESC}[2J\n\nc`)).toBe('a\nb\n\nc');
});

test('JSON says the same without a character that acts', () => {
  const value = { text: 'a\u009b2J\u007fb\u001b[2J' };
  const json = escapeC1(JSON.stringify(value));
  expect(json).toMatch(/^[\x20-\x7e]*$/);
  expect(JSON.parse(json)).toEqual(value);
});
