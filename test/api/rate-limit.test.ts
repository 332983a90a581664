/** The windows themselves, with a clock of their own; `limits.test.ts` has what clients see of them. */
import type { FastifyReply } from 'fastify';
import { expect, test } from 'vitest';
import { type Counted, RateLimiter } from '../../src/api/rate-limit.ts';
import { SystemClock } from '../../src/shared/clock.ts';

class SetClock extends SystemClock {
  ms = 0;
  override monotonicMs(): number {
    return this.ms;
  }
}

const reply = { headers: () => reply, header: () => reply } as unknown as FastifyReply;

function limiter() {
  const clock = new SetClock();
  const limits = new RateLimiter({ jobsPerHour: 2, readsPerMinute: 2, writesPerMinute: 2 }, clock);
  const isRefused = (kind: 'jobs' | 'reads', who: Counted): boolean => {
    try {
      limits.count(reply, kind, who);
      return false;
    } catch {
      return true;
    }
  };
  return { clock, isRefused };
}
const addressOf = (n: number): Counted => ({ address: `127.${n >> 16}.${(n >> 8) & 255}.${n & 255}` });

test('a limit that is used up stays so, however many strangers come from however many addresses', () => {
  const { isRefused, clock } = limiter();
  const key = { keyId: 'key-1' };
  const known = { address: '10.0.0.1' };
  for (const who of [key, known]) {
    isRefused('jobs', who);
    isRefused('jobs', who);
    expect(isRefused('jobs', who)).toBe(true);
  }
  for (let n = 0; n < 50_000; n += 1) isRefused('reads', addressOf(n));
  for (let n = 0; n < 50_000; n += 1) isRefused('jobs', { address: `10.1.${n >> 8}.${n & 255}` });
  expect(isRefused('jobs', key)).toBe(true);
  expect(isRefused('jobs', known)).toBe(true);
  clock.ms += 3_600_001;
  expect(isRefused('jobs', key)).toBe(false);
  expect(isRefused('jobs', known)).toBe(false);
});

test('addresses beyond what is kept are limited together, until there is room again', () => {
  const { isRefused, clock } = limiter();
  for (let n = 0; n < 20_000; n += 1) expect(isRefused('reads', addressOf(n))).toBe(false);
  expect([1, 2, 3].map((n) => isRefused('reads', addressOf(30_000 + n)))).toEqual([false, false, true]);
  clock.ms += 60_001;
  expect([1, 2, 3].map((n) => isRefused('reads', addressOf(30_000 + n)))).toEqual([false, false, false]);
});

test('keys are not limited by how many there are', () => {
  const { isRefused } = limiter();
  for (let n = 0; n < 40_000; n += 1) expect(isRefused('reads', { keyId: `key-${n}` })).toBe(false);
  isRefused('reads', { keyId: 'key-0' });
  expect(isRefused('reads', { keyId: 'key-0' })).toBe(true);
});

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
  ['2001:db8::1', '2001:db8::2:1', true],
  ['::1', '::2', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['10.0.0.1', '10.0.0.2', false],
  ['::ffff:10.0.0.1', '::ffff:10.0.0.2', false],
])('%s and %s are of one network of 64 bits: %s', (first, second, isOne) => {
  const { isRefused } = limiter();
  isRefused('reads', { address: first });
  isRefused('reads', { address: first });
  expect(isRefused('reads', { address: second })).toBe(isOne);
});
