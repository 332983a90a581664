/**
 * Lines as they are written, over server-sent events. Each event's id says how far this client has come, so that a
 * connection that breaks is made again without a gap or a repeat.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log, Operations } from '../api/contract-types.ts';
import type { Client } from '../client/client.ts';
import { ConnectionError } from '../client/errors.ts';
import { readServerEvents } from '../client/events.ts';

export type LineHandler = (line: Log) => Promise<void> | void;
export type LiveQuery = Operations['stream-logs']['query'];

/** How long a server may be away in the middle. */
export const PATIENCE_MS = 60_000;
/** The server says something every 20 seconds; a connection that is silent for longer is a dead one. */
const SILENCE_MS = 60_000;
/** A connection that held for this long was of use, even if nothing was written meanwhile. */
const HELD_MS = 5000;
/** Pauses between connections that brought no line. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/**
 * Hands on each line once, in order, until all of them were sent: at the end of all jobs, never when a service is
 * among the resources.
 * @throws ApiError when the server refuses, ConnectionError when it stays away
 */
export async function followLines(
  client: Client,
  query: LiveQuery,
  { onLine, signal }: { onLine: LineHandler; signal?: AbortSignal },
): Promise<void> {
  const connection = new Connection(client, query, onLine);
  let giveUpAt = Number.POSITIVE_INFINITY;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const broken = await connection.read(signal);
    if (broken === undefined) return;
    if (connection.hasProgressed) {
      pause = FIRST_PAUSE_MS;
      giveUpAt = performance.now() + PATIENCE_MS;
    }
    if (performance.now() > giveUpAt) throw broken;
    await sleep(pause, undefined, { signal });
  }
}

class Connection {
  readonly #client: Client;
  readonly #query: LiveQuery;
  readonly #onLine: LineHandler;
  /** Undefined until the server has answered for the first time. */
  #place: string | undefined;
  /** Whether the last reading was of any use: it brought a line, or the connection held for a while. */
  hasProgressed = false;

  constructor(client: Client, query: LiveQuery, onLine: LineHandler) {
    this.#client = client;
    this.#query = query;
    this.#onLine = onLine;
  }

  /** Connects and hands on what comes. @returns why it broke; undefined when everything was sent */
  async read(signal: AbortSignal | undefined): Promise<ConnectionError | undefined> {
    const isFirst = this.#place === undefined;
    this.hasProgressed = isFirst;
    const silent = new AbortController();
    const response = await this.#client.open('stream-logs', {
      query: this.#query,
      headers: { accept: 'text/event-stream', ...(isFirst ? {} : { 'last-event-id': this.#place! }) },
      signal: signal ? AbortSignal.any([signal, silent.signal]) : silent.signal,
      ...(isFirst ? {} : { retryForMs: PATIENCE_MS }),
    });
    // Nothing is left for a client that comes back.
    if (response.status === 204) return undefined;
    const silence = setTimeout(
      () => silent.abort(new DOMException('the server fell silent', 'TimeoutError')),
      SILENCE_MS,
    );
    const openedAt = performance.now();
    const events = readServerEvents(response, () => silence.refresh());
    try {
      for (;;) {
        const next = await events.next().catch((error: unknown) => {
          signal?.throwIfAborted();
          return { broken: error };
        });
        if ('broken' in next) return new ConnectionError(this.#client.root, next.broken);
        if (next.done)
          return new ConnectionError(this.#client.root, new Error('the server ended the output'));
        const { type, id, data } = next.value;
        if (type === 'end') return undefined;
        if (type === 'message' && data !== undefined) {
          await this.#onLine(JSON.parse(data) as Log);
          this.hasProgressed = true;
        }
        if (id !== undefined) this.#place = id;
      }
    } finally {
      clearTimeout(silence);
      this.hasProgressed ||= performance.now() - openedAt > HELD_MS;
      await events.return(undefined).catch(() => {});
      silent.abort();
    }
  }
}
