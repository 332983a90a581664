/** Tells when files of a folder were written to. One watch per folder, however many listen. */
import { type FSWatcher, watch } from 'node:fs';

type Listener = () => void;

interface Watched {
  watcher: FSWatcher | undefined;
  listeners: Set<Listener>;
}

export class FolderWatch {
  readonly #watched = new Map<string, Watched>();

  /**
   * Calls `listener` after something in the folder changed; many changes may make one call, and where the system
   * refuses to watch there are none: listeners look by themselves from time to time.
   * @returns ends the listening
   */
  listen(folder: string, listener: Listener): () => void {
    const watched = this.#watched.get(folder) ?? this.#watch(folder);
    watched.listeners.add(listener);
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size > 0) return;
      watched.watcher?.close();
      if (this.#watched.get(folder) === watched) this.#watched.delete(folder);
    };
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher?.close();
    this.#watched.clear();
  }

  #watch(folder: string): Watched {
    const watched: Watched = { watcher: undefined, listeners: new Set() };
    this.#watched.set(folder, watched);
    try {
      watched.watcher = watch(folder, { persistent: false }, () => {
        for (const listener of watched.listeners) listener();
      });
      watched.watcher.on('error', () => {
        watched.watcher?.close();
        watched.watcher = undefined;
      });
    } catch {
      // Too many watches on this machine, or the folder is gone: listeners are on their own.
    }
    return watched;
  }
}
