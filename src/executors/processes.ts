/**
 * Facts about processes of this machine, read from /proc. What cannot be read for another reason than that the process
 * is gone is thrown: unknown is not dead.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isAbsence, unlessAbsent } from '../shared/absence.ts';

/** The argument list of a live process; undefined when it is gone or a zombie. */
export function argumentsOf(pid: number): string[] | undefined {
  // A zombie has none: it is dead, even when nobody has reaped it yet.
  const text = unlessAbsent(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) || undefined;
  return text?.replace(/\0$/, '').split('\0');
}

/** The process id that a live process has in a namespace of its own below this one; undefined where it has none. */
export function pidInside(pid: number): number | undefined {
  const status = unlessAbsent(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? '';
  const ids = /^NSpid:\t(.*)$/m.exec(status)?.[1]?.split('\t') ?? [];
  return ids.length > 1 ? Number(ids.at(-1)) : undefined;
}

/** Live processes that have `argument` as one of their arguments. Reads all of /proc: for recovery, not for hot paths. */
export function findByArgument(argument: string): number[] {
  return livePids().filter((pid) => pid !== process.pid && argumentsOf(pid)?.includes(argument));
}

/** Live processes that have `variable` (as KEY=VALUE) in the environment they began with: it is inherited. */
export function findByEnvironment(variable: string): number[] {
  return livePids().filter((pid) => environmentOf(pid).includes(variable));
}

/** Empty for a process that is gone, a zombie, or another user's, which nothing of this user's can be. */
function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (isAbsence(error) || ['EACCES', 'EPERM'].includes(code)) return [];
    throw error;
  }
}

const livePids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Sends a signal; a process that is gone already is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Identity of the host's current boot. */
export function bootId(): string {
  return unlessAbsent(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? 'unknown';
}
