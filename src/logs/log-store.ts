/**
 * The log store contract. Lines live in append-only files, one folder per resource (a job, a service) and one segment
 * per writer (the job's output; one build of the service). The supervisor of an instance writes a segment by itself,
 * in the format that `cri.ts` describes; the store reads it in place and never copies a line.
 */
import type { Instant } from './instant.ts';

export type LogStreamName = 'stdout' | 'stderr';

/** One stored line. */
export interface StoredLine {
  resource: string;
  segment: string;
  /** Ordinal in its segment, from 0. */
  sequence: number;
  /** RFC 3339 with nanoseconds, strictly increasing within a segment. */
  timestamp: string;
  stream: LogStreamName;
  message: string;
}

export interface LogQuery {
  resources: string[];
  /** Instants of the project's format, or with nanoseconds; both ends belong to the range. */
  startTime: string;
  endTime: string;
  direction: 'forward' | 'backward';
  limit: number;
  /** Keeps a line when true; the store stays free of the API's filters. */
  keep?: (line: StoredLine) => boolean;
  /** A promise: `keep` takes only lines that contain one of these texts, letters of any case (given in lower case). */
  contains?: readonly string[];
}

export interface LogPage {
  /** In the order of the direction. */
  lines: StoredLine[];
  hasMore: boolean;
  /** The range that holds exactly what this page did not. */
  nextStartTime: string;
  nextEndTime: string;
}

export interface FollowRequest {
  resources: string[];
  /** Lines of a resource from here on, both past and to come. */
  startOf: (resource: string) => Instant;
  /** By `resource.segment`: the number of the last line that is known already. Goes before `startOf` there. */
  after?: ReadonlyMap<string, number>;
  /**
   * Resolves when nothing will be appended to any segment of the resource any more. Without it, or where it rejects,
   * following goes on until `signal`.
   */
  untilFinal?: (resource: string, signal: AbortSignal) => Promise<void>;
  signal: AbortSignal;
}

export interface LogStore {
  /** The file that a supervisor appends to; its folder is made. */
  segmentFile(resource: string, segment: string): Promise<string>;
  /** Appends lines of the server's own (progress of a build), stamped now. */
  append(resource: string, segment: string, stream: LogStreamName, message: string): Promise<void>;
  /** Tells that nothing will be appended to the segment any more. */
  complete(resource: string, segment: string): Promise<void>;
  query(query: LogQuery): Promise<LogPage>;
  /** The lines of a segment that are there now, in order, in batches. @param after number of the last line known, or -1 */
  linesAfter(resource: string, segment: string, after: number): AsyncIterable<StoredLine[]>;
  /** The segments of a resource that are there now. */
  segmentsOf(resource: string): Promise<string[]>;
  /**
   * Every line from a time or a place on, in batches: those stored, merged by time, then each that comes. Reads only
   * when asked for the next batch, so a slow reader costs nothing.
   */
  follow(request: FollowRequest): AsyncIterable<StoredLine[]>;
  /** The time of the last line of a segment, or undefined when it has none. */
  lastTimestamp(resource: string, segment: string): Promise<string | undefined>;
  /**
   * An instant that is not before the last line's, found at once however large the segment is: of a large one it is
   * later than that line by less than a nanosecond for each line.
   */
  endBound(resource: string, segment: string): Promise<string | undefined>;
  /** Gives back the room of what running writers wrote beyond their limit. To be called every few seconds. */
  enforceLimits(): Promise<void>;
  /** What grows and by how much it is long, as far as that can be told without waiting. */
  growing(): { resource: string; segment: string; bytes: number }[];
  /** Tells that the disk is full: what is written to segments now may be lost. */
  noteFullDisk(): void;
  /** Says so in those segments, now that there is room for it. Tried again for those that refuse. */
  markLosses(): Promise<void>;
  /**
   * Brings to the disk what was written to segments since it was called last. To be called every second, and not again
   * before the answer. A segment that cannot be brought there is named with the cause, and is tried again.
   */
  syncGrowing(): Promise<{ synced: number; failed: { segment: string; error: string }[] }>;
  /** Brings to the disk what was written to one segment. */
  sync(resource: string, segment: string): Promise<void>;
  /**
   * Compresses complete segments and removes those that retention no longer covers. Writers and readers are not held
   * up. Idempotent; meant to be called now and then.
   */
  maintain(retention: {
    maxAgeMs?: number;
    maxBytes?: number;
  }): Promise<{ compressed: number; removed: number }>;
  close(): Promise<void>;
}
