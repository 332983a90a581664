/**
 * Live output for one client, whatever carries it. A client reads at its own pace: lines wait in the files, never in
 * memory, and one that takes nothing for too long is dropped.
 */
import type { Context } from '../context.ts';
import { invalid, notFound, quote } from '../errors.ts';
import type { OutputMasks } from '../jobs/output-secrets.ts';
import { waitForJob } from '../jobs/read-jobs.ts';
import { isTerminal } from '../lifecycle/job.ts';
import { formatInstant, type Instant, parseInstant } from '../logs/instant.ts';
import type { StoredLine } from '../logs/log-store.ts';
import { type LogResource, resolveLogResources } from '../services/log-resources.ts';
import { KeyEnded } from './key-watch.ts';
import { type FilterQuery, lineToJson, readFilter, readLogInstant } from './log-filter.ts';
import { ShownLines } from './shown-lines.ts';

/** What may wait in the memory of a connection before its reader is waited for. */
const HIGH_WATER_BYTES = 256 * 1024;
/** A reader that takes nothing for this long is dropped. */
const STALL_MS = 30_000;
/** How often a stalled reader is looked at. */
const LOOK_MS = 250;
/** An end of a job that was not announced is found within this. */
const LOOK_AGAIN_MS = 20_000;

export interface LiveQuery extends FilterQuery {
  ownerId: string;
  resource: string[];
  startTime?: string;
  endTime?: string;
  after?: string;
}

/** A request for live output that was found good. */
export interface LiveRequest {
  workspaceId: string;
  resources: ReadonlyMap<string, LogResource>;
  /** Where services begin; jobs begin at their first line unless a start was asked for. */
  start: Instant;
  isStartGiven: boolean;
  place: Place;
  shown: ShownLines;
  /** Judges a line as it is shown. */
  keep: ((line: StoredLine) => boolean) | undefined;
}

/** @throws `notFound` for what the workspace has not, `invalidRequest` for what cannot be read */
export async function readLiveRequest(
  context: Context,
  masks: OutputMasks,
  workspaceId: string,
  query: LiveQuery,
): Promise<LiveRequest> {
  if (query.ownerId !== workspaceId) throw notFound(query.ownerId);
  const resources = await resolveLogResources(context, workspaceId, query.resource);
  const place = Place.read(query.after);
  const given = readLogInstant('query parameter startTime', query.startTime);
  const end = readLogInstant('query parameter endTime', query.endTime);
  const keep = readFilter(query)?.keep;
  return {
    workspaceId,
    resources: new Map(resources.map((resource) => [resource.id, resource])),
    start: place.start ?? parseInstant(given ?? context.clock.now())!,
    isStartGiven: given !== undefined,
    place,
    shown: new ShownLines(masks, resources),
    keep: end ? (line) => line.timestamp <= end && (keep?.(line) ?? true) : keep,
  };
}

/**
 * How far a client has come: the id of the last line of each segment that it has, and where it began. As text it
 * travels as the id of an event, or as the ids of lines alone.
 */
export class Place {
  readonly sequences = new Map<string, number>();
  start: Instant | undefined;
  #startOfText: Instant | undefined;
  #startText = '';

  /** @throws `invalidRequest` for a text that this server did not make */
  static read(text: string | undefined): Place {
    const place = new Place();
    for (const part of text ? text.split(',') : []) {
      const line = /^([a-z]{3}-[0-9a-v]{20}\.[a-z0-9-]{1,64})\.(\d{1,15})$/.exec(part);
      const start = part.startsWith('@') ? parseInstant(part.slice(1)) : undefined;
      if (line) place.sequences.set(line[1]!, Number(line[2]));
      else if (start) place.start = start;
      else throw invalid(`the place to go on after must be made of ids of lines, got ${quote(part)}`);
    }
    return place;
  }

  moveTo(line: StoredLine): void {
    this.sequences.set(`${line.resource}.${line.segment}`, line.sequence);
  }

  toString(): string {
    // Made for each line of a flood: what stays is made once.
    if (this.start !== this.#startOfText) {
      this.#startOfText = this.start;
      this.#startText = this.start ? `@${formatInstant(this.start)}` : '';
    }
    let text = this.#startText;
    for (const [segment, sequence] of this.sequences) text += `${text && ','}${segment}.${sequence}`;
    return text;
  }
}

/** A connection to a client. */
export interface Outlet {
  /** Sends lines with their texts as JSON. */
  send(lines: StoredLine[], texts: string[]): void;
  /** What was sent and not yet taken by the operating system. */
  bufferedBytes(): number;
  /** Resolves when all that was sent is taken, or the connection is gone. */
  taken(): Promise<void>;
}

export type Outcome = 'complete' | 'stalled' | 'aborted' | 'keyEnded';

/** Sends everything the request asks for until all of it is sent, the reader stalls, or the signal aborts. */
export async function deliver(
  context: Context,
  request: LiveRequest,
  outlet: Outlet,
  signal: AbortSignal,
  stallMs: number = STALL_MS,
): Promise<Outcome> {
  const { workspaceId, resources, start, isStartGiven, place, shown, keep } = request;
  const lines = context.logStore.follow({
    resources: [...resources.keys()],
    startOf: (id) => (isStartGiven || resources.get(id)?.kind !== 'job' ? start : { seconds: 0, nanos: 0 }),
    after: new Map(place.sequences),
    untilFinal: (id, over) => untilFinal(context, workspaceId, id, over),
    signal,
  });
  for await (const batch of lines) {
    await shown.refresh();
    const wanted = batch.map((line) => shown.of(line)).filter((line) => keep?.(line) ?? true);
    for (const portion of portions(wanted)) {
      const texts = portion.map((line) => lineToJson(line, resources));
      outlet.send(portion, texts);
      if (outlet.bufferedBytes() < HIGH_WATER_BYTES) continue;
      if (!(await isTaken(outlet, signal, stallMs))) return endedBy(signal) ?? 'stalled';
      if (signal.aborted) return endedBy(signal)!;
    }
  }
  return endedBy(signal) ?? 'complete';
}

function endedBy(signal: AbortSignal): Outcome | undefined {
  if (!signal.aborted) return undefined;
  return signal.reason instanceof KeyEnded ? 'keyEnded' : 'aborted';
}

/** Parts of a batch that are small enough to be sent at once. */
function* portions(batch: StoredLine[]): Generator<StoredLine[]> {
  let portion: StoredLine[] = [];
  let length = 0;
  for (const line of batch) {
    portion.push(line);
    length += line.message.length;
    if (length < HIGH_WATER_BYTES / 4) continue;
    yield portion;
    portion = [];
    length = 0;
  }
  if (portion.length > 0) yield portion;
}

/** Waits for a reader to take what it was sent. @returns false when it takes nothing for too long */
async function isTaken(outlet: Outlet, signal: AbortSignal, stallMs: number): Promise<boolean> {
  let least = outlet.bufferedBytes();
  let deadline = performance.now() + stallMs;
  while (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const pause = setTimeout(resolve, Math.min(LOOK_MS, stallMs / 4));
      void outlet.taken().then(() => {
        clearTimeout(pause);
        resolve();
      });
    });
    const now = outlet.bufferedBytes();
    if (now < HIGH_WATER_BYTES / 2) return true;
    if (now < least) {
      least = now;
      deadline = performance.now() + stallMs;
    } else if (performance.now() > deadline) return false;
  }
  return false;
}

/** Resolves when the job is final; a service never is. */
async function untilFinal(
  context: Context,
  workspaceId: string,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if (!id.startsWith('job-')) return new Promise(() => {});
    const patience = AbortSignal.any([signal, AbortSignal.timeout(LOOK_AGAIN_MS)]);
    const job = await waitForJob(context, workspaceId, id, patience);
    if (isTerminal(job.phase)) return;
  }
  throw signal.reason;
}
