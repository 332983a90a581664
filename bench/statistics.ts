/** Summaries of repeated measurements. Medians and percentiles by nearest rank: every figure is one that was seen. */

export interface Summary {
  count: number;
  median: number;
  p95: number;
  p99: number;
  least: number;
}

/** @param share from 0 to 1 @throws on an empty list */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('a percentile of nothing was asked for');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export function summarise(values: readonly number[]): Summary {
  return {
    count: values.length,
    median: median(values),
    p95: percentile(values, 0.95),
    p99: percentile(values, 0.99),
    least: Math.min(...values),
  };
}

/**
 * The median of a ÷ b, round by round: what is measured in the same round shares the noise of that moment.
 * @throws when the lists differ in length
 */
export function pairedRatio(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) throw new Error(`${a.length} rounds against ${b.length}`);
  return median(a.map((value, round) => value / b[round]!));
}

/** Three significant digits, enough for what a shared machine can tell. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(digits, 3) });
}
