/** Notices that nobody reads standard output any more, also while there is nothing to print. */
import { spawn } from 'node:child_process';
import { fstatSync } from 'node:fs';

/**
 * Calls `then` when the reader of the pipe that standard output is goes away. That shows only to who writes to the pipe
 * or polls it, which Node cannot; `tail -f` does poll its standard output, and SIGPIPE ends it then. Where there is no
 * such `tail`, the next line that is printed tells.
 */
export function whenUnread(then: () => void): void {
  if (!fstatSync(1).isFIFO()) return;
  const watch = spawn('tail', ['-f', '/dev/null', `--pid=${process.pid}`], {
    stdio: ['ignore', 'inherit', 'ignore'],
  });
  watch.once('error', () => {});
  watch.once('exit', (_code, signal) => {
    if (signal === 'SIGPIPE') then();
  });
  watch.unref();
  // It holds the pipe open, whose reader waits for the end of it.
  process.once('exit', () => watch.kill('SIGKILL'));
}
