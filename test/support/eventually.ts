/** Waiting in tests: for a condition, never for a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { patient } from './patience.ts';

/**
 * Calls `look` until it gives something other than undefined, null or false, and returns that.
 * @throws when the deadline passes; an error of `look` ends the wait at once
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  options: { withinMs?: number; what?: string; everyMs?: number } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const withinMs = patient(options.withinMs ?? 15_000);
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false) return seen as NonNullable<Exclude<T, false>>;
    if (performance.now() > deadline) {
      throw new Error(`waited in vain for ${options.what ?? 'a condition'} (${withinMs} ms)`);
    }
    await sleep(options.everyMs ?? 20);
  }
}
