import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deadlines } from '../../src/jobs/deadlines.ts';

const DAY_MS = 24 * 3600 * 1000;
let fired: string[];
let deadlines: Deadlines;
/** Monotonic milliseconds, moved with the timers. */
const monotonic = (): number => performance.now();

beforeEach(() => {
  vi.useFakeTimers();
  fired = [];
  deadlines = new Deadlines({ monotonicMs: monotonic, now: () => '', nowMs: () => Date.now() }, (id) =>
    fired.push(id),
  );
});
afterEach(() => {
  deadlines.stop();
  vi.useRealTimers();
});

test('a deadline of 30 days fires then: not a second before, and within one after', () => {
  deadlines.set('month', monotonic() + 30 * DAY_MS);
  vi.advanceTimersByTime(30 * DAY_MS - 1000);
  expect(fired).toEqual([]);
  vi.advanceTimersByTime(2000);
  expect(fired).toEqual(['month']);
});

test('deadlines fire in their own order, whatever the order in which they were set', () => {
  const start = monotonic();
  for (const [id, ms] of [
    ['c', 3000],
    ['a', 1000],
    ['d', 90_000],
    ['b', 2000],
  ] as const)
    deadlines.set(id, start + ms);
  vi.advanceTimersByTime(3000);
  expect(fired).toEqual(['a', 'b', 'c']);
  vi.advanceTimersByTime(87_000);
  expect(fired).toEqual(['a', 'b', 'c', 'd']);
});

test('a jump of the wall clock by a day, either way, neither fires nor delays', () => {
  deadlines.set('soon', monotonic() + 5000);
  deadlines.set('later', monotonic() + 2 * DAY_MS);
  vi.setSystemTime(Date.now() + DAY_MS);
  vi.advanceTimersByTime(4999);
  expect(fired).toEqual([]);
  vi.setSystemTime(Date.now() - 2 * DAY_MS);
  vi.advanceTimersByTime(2);
  expect(fired).toEqual(['soon']);
  vi.advanceTimersByTime(DAY_MS);
  expect(fired).toEqual(['soon']);
});

test('one that was cleared or set anew does not fire at its old time', () => {
  const start = monotonic();
  deadlines.set('cleared', start + 1000);
  deadlines.set('moved', start + 1000);
  deadlines.clear('cleared');
  deadlines.set('moved', start + 5000);
  vi.advanceTimersByTime(4000);
  expect(fired).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual(['moved']);
});

test('each fires once, also when its time is looked at again', () => {
  deadlines.set('one', monotonic() + 10);
  vi.advanceTimersByTime(10);
  deadlines.check();
  vi.advanceTimersByTime(DAY_MS);
  expect(fired).toEqual(['one']);
});
