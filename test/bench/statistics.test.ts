import { describe, expect, test } from 'vitest';
import { figure, median, pairedRatio, percentile, summarise } from '../../bench/statistics.ts';

describe('summaries of measurements', () => {
  test('a percentile is a value that was seen, by nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(values, 0), percentile(values, 0.5), percentile(values, 0.99)]).toEqual([1, 50, 99]);
    expect(percentile([3], 0.95)).toBe(3);
    expect(() => percentile([], 0.5)).toThrow('of nothing');
  });

  test('a summary holds count, median, tails and the least', () => {
    expect(summarise([5, 1, 4, 2, 3])).toEqual({ count: 5, median: 3, p95: 5, p99: 5, least: 1 });
  });

  test('ratios are taken round by round, so a slow moment that both sides share cancels out', () => {
    const ours = [10, 1000, 10];
    const theirs = [5, 500, 5];
    expect(pairedRatio(ours, theirs)).toBe(2);
    expect(median(ours) / median(theirs)).toBe(2);
    expect(pairedRatio([10, 1000, 20], [5, 500, 1])).toBe(2);
    expect(() => pairedRatio([1], [1, 2])).toThrow('1 rounds against 2');
  });

  test('figures have three significant digits', () => {
    expect([0, 0.0123, 1.234, 12.34, 123.4, 12_345].map(figure)).toEqual([
      '0',
      '0.012',
      '1.23',
      '12.3',
      '123',
      '12,345',
    ]);
  });
});
