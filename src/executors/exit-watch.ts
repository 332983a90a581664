/**
 * Wakes whoever waits for an instance's end. One inotify watch on the folder of exit records serves all instances;
 * a slow timer behind it also finds ends without a record (a supervisor that was killed) and missed wake-ups.
 */
import { type FSWatcher, watch } from 'node:fs';

/** A look that fails says nothing; one that goes on failing is somebody else's matter. */
const UNKNOWN_MS = 10_000;
/** A dead supervisor must be noticed within 5 seconds; a look costs microseconds per running instance. */
const BACKSTOP_MS = 1000;

export class ExitWatch<Outcome> {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #watcher: FSWatcher;
  #timer: NodeJS.Timeout | undefined;

  constructor(exitsFolder: string) {
    this.#watcher = watch(exitsFolder, (_event, name) => {
      if (name) this.#wake(name);
    });
    this.#watcher.on('error', () => undefined);
  }

  /**
   * Resolves with the first outcome that `look` finds. A look that throws has found nothing, and is tried again.
   * @param serverStop rejects the wait and leaves the instance alone
   * @throws what `look` throws, when it does for ten seconds
   */
  wait(id: string, look: () => Outcome | undefined, serverStop: AbortSignal): Promise<Outcome> {
    return new Promise<Outcome>((resolve, reject) => {
      const release = (): void => {
        this.#waiting.get(id)?.delete(attempt);
        if (this.#waiting.get(id)?.size === 0) this.#waiting.delete(id);
        if (this.#waiting.size === 0) this.#stopTimer();
        serverStop.removeEventListener('abort', stop);
      };
      const stop = (): void => {
        release();
        reject(serverStop.reason);
      };
      let unknownSince: number | undefined;
      const attempt = (): void => {
        try {
          const outcome = look();
          unknownSince = undefined;
          if (outcome === undefined) return;
          release();
          resolve(outcome);
        } catch (error) {
          unknownSince ??= performance.now();
          if (performance.now() - unknownSince < UNKNOWN_MS) return;
          release();
          reject(error);
        }
      };
      if (serverStop.aborted) return reject(serverStop.reason);
      serverStop.addEventListener('abort', stop);
      // Registered before the first look: an end in between is seen by one or the other.
      const group = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, group.add(attempt));
      this.#startTimer();
      attempt();
    });
  }

  close(): void {
    this.#watcher.close();
    this.#stopTimer();
  }

  #wake(id: string): void {
    for (const attempt of [...(this.#waiting.get(id) ?? [])]) attempt();
  }

  #startTimer(): void {
    this.#timer ??= setInterval(() => {
      for (const id of [...this.#waiting.keys()]) this.#wake(id);
    }, BACKSTOP_MS);
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
