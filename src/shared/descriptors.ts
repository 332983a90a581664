/** How many files and sockets this process may have open. */
import { readFileSync } from 'node:fs';

/** @returns undefined when it cannot be told just now: reading it takes a descriptor, too */
export function descriptorLimit(): number | undefined {
  try {
    const line = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    const limit = line?.[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line?.[1]);
    return Number.isNaN(limit) ? undefined : limit;
  } catch {
    return undefined;
  }
}
