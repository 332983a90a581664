import { beforeEach, expect, test, vi } from 'vitest';
import { createLogger, type Logger } from '../../src/shared/logger.ts';

let lines: string[];
let logger: Logger;

beforeEach(() => {
  lines = [];
  logger = createLogger((line) => lines.push(line));
});

const full = (): Error => new Error('cannot write', { cause: new Error('disk full') });

test('an error is told with all its causes', () => {
  logger.error('a loop failed', full(), { loop: 'dispatch' });
  expect(lines.join('')).toMatch(
    /error a loop failed: Error: cannot write\n[\s\S]*caused by: Error: disk full\n[\s\S]* loop="dispatch"\n$/,
  );
});

test('one that goes on happening is told once, and in a line how often after a minute', () => {
  const now = vi.spyOn(performance, 'now');
  try {
    for (let second = 0; second < 60; second += 2) {
      now.mockReturnValue(second * 1000);
      logger.error('a loop failed', full());
    }
    expect(lines).toHaveLength(1);
    now.mockReturnValue(61_000);
    logger.error('a loop failed', full());
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/error a loop failed: cannot write \(as before, 30 times more\)\n$/);
  } finally {
    now.mockRestore();
  }
});

test('errors of different things are told, each of them', () => {
  logger.error('a loop failed', full(), { job: 'a' });
  logger.error('a loop failed', full(), { job: 'b' });
  logger.error('a loop failed', new Error('something else'), { job: 'a' });
  expect(lines).toHaveLength(3);
});
