/** Stored lines as the API shows them: without secrets, where their service asks for it. */
import type { OutputMasks } from '../jobs/output-secrets.ts';
import type { StoredLine } from '../logs/log-store.ts';
import type { Masker } from '../logs/mask.ts';
import type { LogResource } from '../services/log-resources.ts';

/** How long a live reader goes by a setting that was changed meanwhile. */
const REFRESH_MS = 1000;

/** For one request; to be refreshed before lines are shown. */
export class ShownLines {
  readonly #masks: OutputMasks;
  readonly #resources: readonly LogResource[];
  #maskers: ReadonlyMap<string, Masker> = new Map();
  #refreshedMs = Number.NEGATIVE_INFINITY;

  constructor(masks: OutputMasks, resources: readonly LogResource[]) {
    this.#masks = masks;
    this.#resources = resources;
  }

  /** Reads the settings of the services, unless that was done just now. */
  async refresh(): Promise<void> {
    const now = performance.now();
    if (now - this.#refreshedMs < REFRESH_MS) return;
    this.#maskers = await this.#masks.forReading(this.#resources);
    this.#refreshedMs = now;
  }

  /** Whether a line may be shown other than it is stored. */
  get hidesSomething(): boolean {
    return this.#maskers.size > 0;
  }

  of(line: StoredLine): StoredLine {
    const mask = this.#maskers.get(line.resource);
    return mask ? { ...line, message: mask(line.message) } : line;
  }
}
