/** The level of a line: what the program says in JSON or logfmt, else by the stream it was written to. */
import type { LogStreamName } from './log-store.ts';

/** The levels that clients know, least urgent first. */
export const LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
export type Level = (typeof LEVELS)[number];

/** Other names that libraries use. */
const SAME_AS: Record<string, Level> = {
  trace: 'debug',
  verbose: 'debug',
  information: 'info',
  warn: 'warning',
  err: 'error',
  crit: 'critical',
  fatal: 'critical',
  panic: 'emergency',
  emerg: 'emergency',
};

const JSON_KEYS = ['level', 'severity', 'lvl', 'levelname'];
const LOGFMT = /(?:^|\s)(?:level|lvl|severity)="?([A-Za-z]+)"?(?=\s|$)/;
/** Longer lines are not searched for a level. */
const MAX_SEARCHED = 64 * 1024;

/** @param message a whole line, colours included */
export function levelOf(message: string, stream: LogStreamName): Level {
  return statedLevel(message) ?? (stream === 'stderr' ? 'error' : 'info');
}

/** The level that a line states itself, in JSON or logfmt; undefined when it states none. */
export function statedLevel(message: string): Level | undefined {
  if (message.length > MAX_SEARCHED) return undefined;
  if (message.charCodeAt(0) === 0x7b && message.endsWith('}')) return levelInJson(message);
  // Most lines state none: look for the word before running the pattern.
  if (!message.includes('=')) return undefined;
  const word = LOGFMT.exec(message)?.[1];
  return word === undefined ? undefined : named(word);
}

function levelInJson(message: string): Level | undefined {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(message) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  for (const key of JSON_KEYS) {
    const value = parsed[key];
    if (typeof value === 'string') return named(value);
    if (typeof value === 'number') return numbered(value);
  }
  return undefined;
}

function named(word: string): Level | undefined {
  const name = word.toLowerCase();
  return LEVELS.find((level) => level === name) ?? SAME_AS[name];
}

/** Numbers as bunyan and pino have them: 10 for trace to 60 for fatal. */
function numbered(value: number): Level | undefined {
  if (value < 10 || value > 60) return undefined;
  if (value < 30) return 'debug';
  if (value < 40) return 'info';
  if (value < 50) return 'warning';
  return value < 60 ? 'error' : 'critical';
}
