/**
 * How the server speaks to what it lets wait: named pipes, one for each supervisor that was not let go yet. The server
 * holds both ends of each, so what waits sees the end of its input when, and only when, the server is gone.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './runtime.ts';

/** Made at once when all are in use: one call of a program serves many starts. */
const BATCH = 16;

/** `make` lets a supervisor make its instance; `go` lets the instance's first process take the ticket. */
export type Word = 'make' | 'go';

export interface Pipe {
  readonly path: string;
  say(word: Word): void;
  /** Nobody waits for a word from it any more. */
  release(): void;
}

interface Slot {
  path: string;
  descriptor: number;
}

export class Words {
  readonly #folder: string;
  /** Begins the names: what an earlier server's launcher has yet to start must not find a pipe of this one. */
  readonly #prefix = randomBytes(6).toString('hex');
  readonly #free: Slot[] = [];
  readonly #all: Slot[] = [];

  /** @param folder made anew: whoever waited for an earlier server's words was told of its end */
  constructor(folder: string) {
    this.#folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** A pipe without a word in it. */
  take(): Pipe {
    if (this.#free.length === 0) this.#makeMore();
    const slot = this.#free.pop()!;
    drain(slot.descriptor);
    return {
      path: slot.path,
      say: (word) => writeSync(slot.descriptor, `${word}\n`),
      release: () => {
        if (!this.#free.includes(slot)) this.#free.push(slot);
      },
    };
  }

  close(): void {
    for (const { descriptor } of this.#all) closeSync(descriptor);
    this.#free.length = 0;
    this.#all.length = 0;
  }

  #makeMore(): void {
    const paths = Array.from({ length: BATCH }, (_, index) =>
      join(this.#folder, `${this.#prefix}-${this.#all.length + index}`),
    );
    run('mkfifo', ['-m', '600', ...paths]);
    for (const path of paths) {
      // Opened for both directions, a pipe has a writer at any moment: who opens it for reading is not kept waiting.
      const slot = { path, descriptor: openSync(path, constants.O_RDWR | constants.O_NONBLOCK) };
      this.#free.push(slot);
      this.#all.push(slot);
    }
  }
}

/** Takes out what was said to somebody who ended before it was heard. */
function drain(descriptor: number): void {
  const buffer = Buffer.alloc(64);
  try {
    while (readSync(descriptor, buffer) > 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}
