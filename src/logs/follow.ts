/**
 * Following: what is stored from a time or a place on, merged by time, then what comes, as it comes. A follower reads
 * from the files at its own pace: nothing waits for it, nothing is kept for it, and where it stopped reading is all
 * it needs to go on. It is woken by changes of the files, and looks by itself now and then.
 */
import { BlockReader } from './block-reader.ts';
import { compareInstants, type Instant } from './instant.ts';
import type { FollowRequest, StoredLine } from './log-store.ts';
import { Merge } from './merge.ts';
import { copyState, initialState, type ScannedLine, type ScanState } from './scanner.ts';
import { findCheckpoint, type LineSource, type Segment, type View } from './segment.ts';
import { openBytes, type SegmentBytes } from './segment-bytes.ts';

/** How long a change may stay unseen where the system gives no sign of it. */
const LOOK_AGAIN_MS = 1000;
/** What all segments of one follower may hold in memory together while they are read. */
const BUFFER_BYTES = 8 * 1024 * 1024;
const SMALLEST_CHUNK_BYTES = 16 * 1024;
const LARGEST_CHUNK_BYTES = 64 * 1024;

/** What a follower needs of a store. */
export interface FollowedStore {
  segments(resource: string): Promise<{ resource: string; segment: string; lines: Segment }[]>;
  /** Makes the folder of a resource, so that it can be watched before its first line. */
  listen(resource: string, listener: () => void): Promise<() => void>;
}

/** Batches of lines in order; ends when every resource is final and all of it was given, or by the signal. */
export async function* follow(store: FollowedStore, request: FollowRequest): AsyncGenerator<StoredLine[]> {
  const follower = new Follower(store, request);
  try {
    await follower.begin();
    yield* follower.batches();
  } finally {
    await follower.end();
  }
}

class Follower {
  readonly #store: FollowedStore;
  readonly #request: FollowRequest;
  readonly #tails = new Map<string, Tail>();
  /** Ended by us: stops waiting for the ends of resources. */
  readonly #over = new AbortController();
  readonly #unlisten: (() => void)[] = [];
  #open: Set<string>;
  #isChanged = true;
  #wake: () => void = () => {};

  constructor(store: FollowedStore, request: FollowRequest) {
    this.#store = store;
    this.#request = request;
    this.#open = new Set(request.resources);
  }

  async begin(): Promise<void> {
    const changed = (): void => {
      this.#isChanged = true;
      this.#wake();
    };
    const { resources, signal, untilFinal } = this.#request;
    signal.addEventListener('abort', changed, { signal: this.#over.signal });
    for (const resource of resources) {
      this.#unlisten.push(await this.#store.listen(resource, changed));
      if (!untilFinal) continue;
      void untilFinal(resource, AbortSignal.any([signal, this.#over.signal])).then(
        () => {
          this.#open.delete(resource);
          changed();
        },
        // It cannot be told: the resource stays open, and its follower with it.
        () => undefined,
      );
    }
  }

  async *batches(): AsyncGenerator<StoredLine[]> {
    while (!this.#request.signal.aborted) {
      this.#isChanged = false;
      // What is final now has all its lines in this round.
      const isLastRound = this.#open.size === 0;
      yield* this.#round();
      if (isLastRound) return;
      if (!this.#isChanged) await this.#change();
    }
  }

  async end(): Promise<void> {
    this.#over.abort();
    for (const unlisten of this.#unlisten) unlisten();
  }

  /** All that is there now and was not given before. */
  async *#round(): AsyncGenerator<StoredLine[]> {
    await this.#findTails();
    const waiting = [...this.#tails.values()].filter((tail) => !tail.isDone);
    const chunk = Math.max(
      SMALLEST_CHUNK_BYTES,
      Math.min(LARGEST_CHUNK_BYTES, Math.floor(BUFFER_BYTES / Math.max(1, waiting.length))),
    );
    const sources = waiting.map((tail) => ({ ...tail.names, lines: tail.fresh(chunk) }));
    const merge = new Merge(sources, 'forward');
    try {
      for (;;) {
        const lines = await merge.next();
        if (!lines || this.#request.signal.aborted) return;
        if (lines.length > 0) yield lines;
      }
    } finally {
      await merge.close();
    }
  }

  async #findTails(): Promise<void> {
    for (const resource of this.#request.resources) {
      for (const { segment, lines } of await this.#store.segments(resource)) {
        if (this.#tails.has(lines.path)) continue;
        const { after, startOf } = this.#request;
        const seen = after?.get(`${resource}.${segment}`);
        const from = seen === undefined ? { start: startOf(resource) } : { seen };
        this.#tails.set(lines.path, new Tail({ resource, segment }, lines, from));
      }
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_AGAIN_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The part of one segment that was not given yet. */
export class Tail {
  readonly names: { resource: string; segment: string };
  readonly #segment: Segment;
  readonly #from: { seen: number } | { start: Instant };
  #position: ScanState | undefined;
  isDone = false;

  /** @param from the number of the last line that the reader has already, or where it begins */
  constructor(
    names: { resource: string; segment: string },
    segment: Segment,
    from: { seen: number } | { start: Instant },
  ) {
    this.names = names;
    this.#segment = segment;
    this.#from = from;
  }

  /** What is new, as a source that is read to its end unless the follower ends. */
  fresh(chunkBytes: number = LARGEST_CHUNK_BYTES): LineSource {
    let block: BlockReader | undefined;
    let bytes: SegmentBytes | undefined;
    let isOpened = false;
    const open = async (): Promise<void> => {
      isOpened = true;
      const view = await this.#segment.view();
      if (!view) return;
      const from = this.#position ?? this.#entry(view);
      if (from.offset === view.end && view.torn === undefined) return;
      bytes = await openBytes(this.#segment.path);
      if (bytes) block = new BlockReader(bytes, from, view.end, view.torn, { chunkBytes });
      this.isDone = view.torn !== undefined;
    };
    return {
      next: async () => {
        if (!isOpened) await open();
        const lines = await block?.next();
        if (!lines) {
          if (block) this.#position = copyState(block.state);
          block = undefined;
          return undefined;
        }
        return lines.filter((line) => this.#isWanted(line));
      },
      close: async () => {
        await bytes?.close();
      },
    };
  }

  #isWanted(line: ScannedLine): boolean {
    const from = this.#from;
    return 'seen' in from ? line.sequence > from.seen : compareInstants(line, from.start) >= 0;
  }

  #entry(view: View): ScanState {
    const from = this.#from;
    const at =
      'seen' in from
        ? findCheckpoint(view, (state) => state.sequence <= from.seen + 1)
        : findCheckpoint(view, (state) => compareInstants(state, from.start) < 0);
    return view.checkpoints[Math.max(at, 0)] ?? initialState();
  }
}
