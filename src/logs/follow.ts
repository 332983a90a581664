/**
 * Following: what is stored from a time or a place on, merged by time, then what comes, as it comes. A follower reads
 * from the files at its own pace: nothing waits for it, nothing is kept for it, and where it stopped reading is all
 * it needs to go on. It is woken by changes of the files, and looks by itself now and then.
 */
import { BlockReader, ChunkSpace } from './block-reader.ts';
import { compareInstants, type Instant } from './instant.ts';
import type { FollowRequest, StoredLine } from './log-store.ts';
import { Merge } from './merge.ts';
import { copyState, initialState, type ScannedLine, type ScanState } from './scanner.ts';
import { findCheckpoint, type LineSource, type Segment } from './segment.ts';
import { type Extent, openBytes, type SegmentBytes } from './segment-bytes.ts';

/** How long a change may stay unseen where the system gives no sign of it. */
const LOOK_AGAIN_MS = 1000;
/** After lines were given, the next come this much later at the soonest: of a flood many are read at once. */
const PACE_MS = 10;
/** What all segments of one follower may hold in memory together while they are read. */
const BUFFER_BYTES = 8 * 1024 * 1024;
const SMALLEST_CHUNK_BYTES = 16 * 1024;
const LARGEST_CHUNK_BYTES = 32 * 1024;

/** What a follower needs of a store. */
export interface FollowedStore {
  segments(resource: string): Promise<{ resource: string; segment: string; lines: Segment }[]>;
  /** Makes the folder of a resource, so that it can be watched before its first line. */
  listen(resource: string, listener: () => void): Promise<() => void>;
  /** Tells of what is written to a file that is there. */
  listenToFile(path: string, listener: () => void): () => void;
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
  /** Ends a wait for the sake of pace. */
  #hurry: () => void = () => {};
  readonly #changed = (): void => {
    this.#isChanged = true;
    this.#wake();
  };

  constructor(store: FollowedStore, request: FollowRequest) {
    this.#store = store;
    this.#request = request;
    this.#open = new Set(request.resources);
  }

  async begin(): Promise<void> {
    const ended = (): void => {
      this.#changed();
      this.#hurry();
    };
    const { resources, signal, untilFinal } = this.#request;
    signal.addEventListener('abort', ended, { signal: this.#over.signal });
    for (const resource of resources) {
      this.#unlisten.push(await this.#store.listen(resource, this.#changed));
      if (!untilFinal) continue;
      void untilFinal(resource, AbortSignal.any([signal, this.#over.signal])).then(
        () => {
          this.#open.delete(resource);
          ended();
        },
        // It cannot be told: the resource stays open, and its follower with it.
        () => undefined,
      );
    }
  }

  async *batches(): AsyncGenerator<StoredLine[]> {
    while (!this.#request.signal.aborted) {
      const beganMs = performance.now();
      let gaveLines = false;
      this.#isChanged = false;
      // What is final now has all its lines in this round.
      const isLastRound = this.#open.size === 0;
      for await (const lines of this.#round()) {
        gaveLines = true;
        yield lines;
      }
      if (isLastRound) return;
      if (!this.#isChanged) await this.#change();
      if (gaveLines) await this.#keepPace(beganMs + PACE_MS - performance.now());
    }
  }

  async end(): Promise<void> {
    this.#over.abort();
    for (const unlisten of this.#unlisten) unlisten();
    await Promise.all([...this.#tails.values()].map((tail) => tail.end()));
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
        const listen = (): (() => void) => this.#store.listenToFile(lines.path, this.#changed);
        this.#tails.set(lines.path, new Tail({ resource, segment }, lines, from, listen));
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

  async #keepPace(ms: number): Promise<void> {
    if (ms <= 0 || this.#open.size === 0 || this.#request.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The part of one segment that was not given yet. To be ended. */
export class Tail {
  readonly names: { resource: string; segment: string };
  readonly #segment: Segment;
  readonly #from: { seen: number } | { start: Instant };
  readonly #listen: (() => () => void) | undefined;
  #unlisten: (() => void) | undefined;
  #space = new ChunkSpace();
  #bytes: SegmentBytes | undefined;
  #position: ScanState | undefined;
  isDone = false;

  /**
   * @param from the number of the last line that the reader has already, or where it begins
   * @param listen begins to tell the reader of changes of the file, and returns what ends that
   */
  constructor(
    names: { resource: string; segment: string },
    segment: Segment,
    from: { seen: number } | { start: Instant },
    listen?: () => () => void,
  ) {
    this.names = names;
    this.#segment = segment;
    this.#from = from;
    this.#listen = listen;
  }

  /** What is new, as a source that is read to its end unless the follower ends. */
  fresh(chunkBytes: number = LARGEST_CHUNK_BYTES): LineSource {
    let block: BlockReader | undefined;
    let isOpened = false;
    return {
      next: async () => {
        if (!isOpened) block = await this.#openBlock(chunkBytes);
        isOpened = true;
        const lines = await block?.next();
        if (lines) return lines.filter((line) => this.#isWanted(line));
        if (block) this.#position = copyState(block.state);
        block = undefined;
        return undefined;
      },
      close: async () => {
        if (this.isDone) await this.end();
      },
    };
  }

  async end(): Promise<void> {
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#space = new ChunkSpace();
    const bytes = this.#bytes;
    this.#bytes = undefined;
    await bytes?.close();
  }

  async #openBlock(chunkBytes: number): Promise<BlockReader | undefined> {
    // Only the first entry needs to know the lines before; what comes is read once, here.
    this.#position ??= await this.#entry();
    this.#bytes ??= this.#position && (await openBytes(this.#segment.path));
    if (!this.#position || !this.#bytes) return undefined;
    const from = this.#position;
    const { size, isClosed } = await this.#extent(this.#bytes);
    this.isDone = isClosed;
    const limit = this.#segment.limitBytes;
    if (!isClosed && (size === from.offset || from.offset >= limit)) return undefined;
    const stretch = isClosed ? { from, to: size, torn: 0 } : { from, to: size, growing: { limit } };
    return new BlockReader(this.#bytes, stretch, { chunkBytes, space: this.#space });
  }

  async #extent(bytes: SegmentBytes): Promise<Extent> {
    const extent = await bytes.extent();
    if (extent.isClosed || this.#unlisten || !this.#listen) return extent;
    this.#unlisten = this.#listen();
    // What was written just before was not told.
    return bytes.extent();
  }

  #isWanted(line: ScannedLine): boolean {
    const from = this.#from;
    return 'seen' in from ? line.sequence > from.seen : compareInstants(line, from.start) >= 0;
  }

  async #entry(): Promise<ScanState | undefined> {
    const view = await this.#segment.view();
    if (!view) return undefined;
    const from = this.#from;
    const at =
      'seen' in from
        ? findCheckpoint(view, (state) => state.sequence <= from.seen + 1)
        : findCheckpoint(view, (state) => compareInstants(state, from.start) < 0);
    return view.checkpoints[Math.max(at, 0)] ?? initialState();
  }
}
