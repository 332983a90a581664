/** Tells when a file or a folder was written to. One watch per path, however many listen. */
import { type FSWatcher, watch } from 'node:fs';

type Listener = () => void;

interface Watched {
  watcher: FSWatcher | undefined;
  listeners: Set<Listener>;
}

export class ChangeWatch {
  readonly #watched = new Map<string, Watched>();

  /**
   * Calls `listener` after something changed; many changes may make one call, and where the system refuses to watch
   * there are none: listeners look by themselves from time to time. A folder tells of files that come and go; what is
   * written to a file it tells only for writers that opened it there, and a supervisor opens its file by another name.
   * @param path a folder or a file @returns ends the listening
   */
  listen(path: string, listener: Listener): () => void {
    const watched = this.#watched.get(path) ?? this.#watch(path);
    watched.listeners.add(listener);
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size > 0) return;
      watched.watcher?.close();
      if (this.#watched.get(path) === watched) this.#watched.delete(path);
    };
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher?.close();
    this.#watched.clear();
  }

  #watch(path: string): Watched {
    const watched: Watched = { watcher: undefined, listeners: new Set() };
    this.#watched.set(path, watched);
    try {
      watched.watcher = watch(path, { persistent: false }, () => {
        for (const listener of watched.listeners) listener();
      });
      watched.watcher.on('error', () => {
        watched.watcher?.close();
        watched.watcher = undefined;
      });
    } catch {
      // Too many watches on this machine, or it is gone: listeners are on their own.
    }
    return watched;
  }
}
