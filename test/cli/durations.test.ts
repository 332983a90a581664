import { expect, test } from 'vitest';
import { parseMoment } from '../../src/cli/durations.ts';

const NOW = Date.parse('2026-01-31T12:00:00.000Z');

test.each([
  ['10m', '2026-01-31T11:50:00.000Z'],
  ['90', '2026-01-31T11:58:30.000Z'],
  ['1d', '2026-01-30T12:00:00.000Z'],
  ['99999d', '1970-01-01T00:00:00.000Z'],
  ['2026-01-31T00:00:00.123456789Z', '2026-01-31T00:00:00.123456789Z'],
  ['2026-01-31T00:00:00+01:00', '2026-01-31T00:00:00+01:00'],
])('%s is a moment', (text, moment) => {
  expect(parseMoment(text, NOW)).toBe(moment);
});

test.each(['soon', '', '10 m', '2026-13-31T00:00:00Z', '-5m'])('"%s" is none', (text) => {
  expect(parseMoment(text, NOW)).toBeUndefined();
});
