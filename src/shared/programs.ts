/** Runs programs of the host that work through trees of files. */
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';

/** As `nice -n 10`: jobs and requests go first. */
const PRIORITY = 10;
const KEPT_COMPLAINT_BYTES = 2000;

export interface ProgramOptions {
  timeoutMs: number;
  /** Somebody waits for it: not at a low priority. */
  isUrgent?: boolean;
  /** Ends the program. */
  stop?: AbortSignal | undefined;
  /** Gets what it prints, piece by piece; nothing of it is kept. */
  onOutput?: (chunk: Buffer) => void;
}

/**
 * Runs a program to its end. Names that it prints are bytes, and its messages are in English.
 * @throws with the first of what it complained of when it fails, takes too long, or is stopped
 */
export function runProgram(program: string, args: string[], options: ProgramOptions): Promise<void> {
  const { timeoutMs, stop, onOutput } = options;
  return new Promise((resolve, reject) => {
    stop?.throwIfAborted();
    const child = spawn(program, args, {
      cwd: '/',
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      stdio: ['ignore', onOutput ? 'pipe' : 'ignore', 'pipe'],
    });
    let complaint = '';
    let isLate = false;
    const end = (): unknown => child.kill('SIGKILL');
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    stop?.addEventListener('abort', end, { once: true });
    const release = (): void => {
      clearTimeout(timer);
      stop?.removeEventListener('abort', end);
    };
    if (onOutput) child.stdout?.on('data', onOutput);
    child.stderr?.on('data', (chunk: Buffer) => {
      if (complaint.length < KEPT_COMPLAINT_BYTES) complaint += chunk.toString('utf8');
    });
    child.once('error', (error) => {
      release();
      reject(error);
    });
    child.once('close', (code) => {
      release();
      if (code === 0) resolve();
      else if (stop?.aborted) reject(stop.reason);
      else if (isLate) reject(new Error(`${program} was not done after ${timeoutMs / 1000} s`));
      else reject(new Error(`${program} failed: ${complaint.trim().slice(0, 500) || `exit ${code}`}`));
    });
    if (child.pid !== undefined && !options.isUrgent) lower(child.pid);
  });
}

function lower(pid: number): void {
  try {
    setPriority(pid, PRIORITY);
  } catch {
    // It ended already.
  }
}
