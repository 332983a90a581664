import { expect, test } from 'vitest';
import {
  formatAge,
  formatCost,
  formatDuration,
  formatSeconds,
  parseDuration,
} from '../../src/cli/durations.ts';
import { cell, fields, table, width } from '../../src/cli/output.ts';

test('columns are as wide as their widest cell, and the last has no blanks after it', () => {
  expect(
    table(
      ['A', 'LONGER'],
      [
        ['xyz', '1'],
        ['', '22'],
      ],
    ),
  ).toBe('A    LONGER\nxyz  1\n     22');
});

test('colours and wide characters do not shift the columns', () => {
  expect(width('\u001b[32mlive\u001b[39m')).toBe(4);
  expect(width('日本')).toBe(4);
  expect(width('e\u0301')).toBe(1);
  expect(
    table(
      ['N', 'X'],
      [
        ['日本', '1'],
        ['abcd', '2'],
      ],
    ),
  ).toBe('N     X\n日本  1\nabcd  2');
});

test('a cell never carries out what is in it', () => {
  expect(cell('echo\n\u001b[2Jhi\u0007\r')).toBe('echo\\nhi\ufffd\ufffd');
  expect(cell('x'.repeat(100), 10)).toBe(`${'x'.repeat(9)}…`);
});

test('fields that are not set are left out', () => {
  expect(
    fields([
      ['id', 'a'],
      ['status', undefined],
      ['exit', ''],
    ]),
  ).toBe('id  a');
});

test('durations, ages and costs read as people say them', () => {
  expect([0.0123, 4.26, 250, 3700, 90_000].map(formatSeconds)).toEqual([
    '12 ms',
    '4.3 s',
    '4 min 10 s',
    '1 h 1 min',
    '1 d 1 h',
  ]);
  const at = (text: string): number => Date.parse(text);
  const created = '2026-11-23T10:00:00.000000Z';
  expect(formatDuration(undefined, undefined, 0)).toBeUndefined();
  expect(formatDuration(created, '2026-11-23T10:00:02.500000Z', 0)).toBe('2.5 s');
  expect(formatDuration(created, undefined, at('2026-11-23T10:01:00Z'))).toBe('1 min 0 s');
  expect(formatAge(created, at('2026-11-23T12:30:00Z'))).toBe('2 h ago');
  expect(formatCost(2.7)).toBe('$0.000003');
});

test('a time limit is written with or without a unit', () => {
  expect(['90', '90s', '15m', '2h', '1d', '1w', '', '-1', '1.5h'].map(parseDuration)).toEqual([
    90,
    90,
    900,
    7200,
    86_400,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
