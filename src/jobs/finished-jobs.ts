/** Tells waiting requests at once that a job became final. A missed word costs them one look at the database. */
import { EventEmitter, once } from 'node:events';

export class FinishedJobs {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  announce(jobId: string): void {
    this.#emitter.emit(jobId);
  }

  /** Resolves when the job is announced, or when `signal` aborts. */
  async next(jobId: string, signal: AbortSignal): Promise<void> {
    try {
      await once(this.#emitter, jobId, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
