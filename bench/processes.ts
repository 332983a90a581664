/** What processes of this machine hold in memory and use of the CPU. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel's unit in /proc/PID/stat, the same on all Linux architectures that Node runs on. */
const CLOCK_TICKS = 100;

export interface Memory {
  /** Resident bytes; pages that several processes share count for each. */
  rss: number;
  /** Proportional bytes: shared pages are divided among those that share them. */
  pss: number;
}

/** Nothing when the process is gone. */
export function memoryOf(pid: number): Memory {
  const text = read(`/proc/${pid}/smaps_rollup`);
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return { rss: field('Rss'), pss: field('Pss') };
}

/** Milliseconds of CPU that a process has used, its threads included; counted in steps of 10. */
export function cpuMs(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * (1000 / CLOCK_TICKS);
}

/** Bytes that the machine could still give out. */
export function availableMemory(): number {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(read('/proc/meminfo'))![1]) * 1024;
}

/** Processes with `text` among their arguments, and all that descend from them; without those in `except`. */
export function processesAround(text: string, except: readonly number[]): number[] {
  const parents = new Map<number, number>();
  const found = new Set<number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || except.includes(pid)) continue;
    const status = read(`/proc/${pid}/stat`);
    parents.set(pid, Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]));
    if (read(`/proc/${pid}/cmdline`).includes(text)) found.add(pid);
  }
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
