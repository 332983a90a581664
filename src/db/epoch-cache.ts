/**
 * Keeps what was read until something changes: entries live as long as the database's epoch is the same. Because the
 * epoch changes before and after each write of configuration, an entry that was read in between does not outlive it.
 */
import type { Database } from './open.ts';

/** More entries than this are dropped at once: a cache must not grow with what strangers send. */
const MAX_ENTRIES = 10_000;

export class EpochCache<Value> {
  readonly #kept = new WeakMap<Database, { epoch: number; entries: Map<string, Value> }>();

  /** The entries of the present epoch. Take them before reading what will be put in. */
  entries(database: Database): Map<string, Value> {
    const present = this.#kept.get(database);
    if (present?.epoch === database.epoch && present.entries.size < MAX_ENTRIES) return present.entries;
    const fresh = { epoch: database.epoch, entries: new Map<string, Value>() };
    this.#kept.set(database, fresh);
    return fresh.entries;
  }
}
