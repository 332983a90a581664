/** The server's own log: one line per event on standard error. Never for the output of jobs, never with secrets. */

export interface Logger {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  /** Logs the whole chain of causes of `error`; of one that goes on happening, once in a while one line. */
  error(message: string, error?: unknown, fields?: Record<string, unknown>): void;
}

/** An error that is the same as one before is told again after so long. */
const AGAIN_MS = 60_000;
/** Different errors that are remembered. */
const MAX_REMEMBERED = 500;

function chain(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && parts.length < 8; ) {
    parts.push(at instanceof Error ? (at.stack ?? at.message) : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join('\ncaused by: ');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Names and messages from outside must not act upon the terminal that shows the log. */
const visible = (text: string): string =>
  text.replaceAll(CONTROL, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);

interface Told {
  atMs: number;
  /** How often it happened since. */
  since: number;
}

/** A logger that writes logfmt-like lines through `write`. */
export function createLogger(write: (line: string) => void = (line) => process.stderr.write(line)): Logger {
  const told = new Map<string, Told>();
  const emit = (level: string, message: string, fields: Record<string, unknown> = {}): void => {
    const tail = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
    write(`${new Date().toISOString()} ${level} ${visible(`${message}${tail.join('')}`)}\n`);
  };
  return {
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, error, fields) => {
      const key = JSON.stringify([message, brief(error), fields]);
      const before = told.get(key);
      const now = performance.now();
      if (before && now - before.atMs < AGAIN_MS) {
        before.since += 1;
        return;
      }
      told.delete(key);
      told.set(key, { atMs: now, since: 0 });
      if (told.size > MAX_REMEMBERED) told.delete(told.keys().next().value!);
      const what = error === undefined ? message : `${message}: ${before ? brief(error) : chain(error)}`;
      emit('error', before ? `${what} (as before, ${before.since + 1} times more)` : what, fields);
    },
  };
}

const brief = (error: unknown): string => (error instanceof Error ? error.message : String(error));
