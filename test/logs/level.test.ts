import { describe, expect, it } from 'vitest';
import { levelOf } from '../../src/logs/level.ts';

describe('the level of a line', () => {
  it.each([
    ['{"level":"warn","msg":"x"}', 'warning'],
    ['{"severity":"CRITICAL"}', 'critical'],
    ['{"level":30,"msg":"pino"}', 'info'],
    ['{"level":50}', 'error'],
    ['{"level":60}', 'critical'],
    ['time=2026-01-01 level=debug msg="x"', 'debug'],
    ['level="error" msg=x', 'error'],
    ['lvl=fatal', 'critical'],
    ['msg=x severity=notice', 'notice'],
  ])('is what the line says: %s', (message, level) => {
    expect(levelOf(message, 'stdout')).toBe(level);
    expect(levelOf(message, 'stderr')).toBe(level);
  });

  it.each([
    'plain',
    '',
    '{"level":',
    '{"level":{}}',
    '{"level":7}',
    'level=',
    'sealevel=error',
    'level=5',
    '{}',
  ])('is that of the stream where the line says none: %s', (message) => {
    expect(levelOf(message, 'stdout')).toBe('info');
    expect(levelOf(message, 'stderr')).toBe('error');
  });
});
