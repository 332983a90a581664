/**
 * One receiver of forwarded lines. Lines go out over one connection at a time, a segment after the other, so each job's
 * lines keep their order. What was sent counts as delivered only when the receiver confirmed it by an orderly close;
 * until then it is sent again after any failure: nothing is lost, and a line may arrive twice.
 */
import type { Context } from '../context.ts';
import { advanceShipment } from '../db/queries/log-shipments.ts';
import { noteStreamState } from '../db/queries/log-streams.ts';
import type { LogShipmentsTable } from '../db/schema.ts';
import type { StoredLine } from '../logs/log-store.ts';
import { SyslogConnection } from '../logs/syslog-connection.ts';
import type { Destination } from '../services/log-streams.ts';

/** What is not confirmed is confirmed after this much, or this long after the first of it. */
const CONFIRM_BYTES = 8 * 1024 * 1024;
const CONFIRM_AFTER_MS = 5000;
/** How long the end of the server waits for a receiver. */
const CLOSE_PATIENCE_MS = 3000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;

/** A shipment, and how its lines become messages. */
export interface Parcel {
  shipment: LogShipmentsTable;
  /** Whether the segment has all its lines: then it is done when they are delivered. */
  isFinal: boolean;
  format(line: StoredLine): Buffer;
}

interface Progress {
  shipment: LogShipmentsTable;
  sent: number;
  isDone: boolean;
}

export class Receiver {
  readonly #context: Context;
  readonly #workspaceId: string;
  readonly #destination: Destination;
  readonly #ca: string | undefined;
  readonly #stop: AbortSignal;
  #connection: SyslogConnection | undefined;
  /** What was sent over the present connection, by segment. */
  readonly #unconfirmed = new Map<string, Progress>();
  /** What is stored as delivered: rows that were read before may still say less. */
  readonly #confirmed = new Map<string, Progress>();
  #unconfirmedBytes = 0;
  #unconfirmedSince = 0;
  #failures = 0;
  #retryAt = 0;
  #present: Promise<void> | undefined;

  constructor(
    context: Context,
    workspaceId: string,
    destination: Destination,
    ca: string | undefined,
    stop: AbortSignal,
  ) {
    this.#context = context;
    this.#workspaceId = workspaceId;
    this.#destination = destination;
    this.#ca = ca;
    this.#stop = stop;
  }

  /** Whether it has nothing to do and may be forgotten. */
  get isIdle(): boolean {
    return this.#present === undefined && this.#unconfirmed.size === 0;
  }

  /** Sends what is new of the parcels, unless it is still at it or waits after a failure. */
  offer(parcels: Parcel[]): void {
    if (this.#present || performance.now() < this.#retryAt) return;
    const offered = new Set(parcels.map(({ shipment }) => keyOf(shipment)));
    for (const key of this.#confirmed.keys()) if (!offered.has(key)) this.#confirmed.delete(key);
    this.#present = this.#deliver(parcels)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#present = undefined;
      });
  }

  /** Confirms what was sent, if that can be had soon, and ends the connection. */
  async close(): Promise<void> {
    const patience = setTimeout(() => this.#connection?.destroy(), CLOSE_PATIENCE_MS);
    await this.#present;
    await this.#confirm().catch(() => undefined);
    clearTimeout(patience);
  }

  async #deliver(parcels: Parcel[]): Promise<void> {
    for (const parcel of parcels) {
      if (this.#stop.aborted) return;
      await this.#send(parcel);
    }
    if (this.#isDue()) await this.#confirm();
  }

  async #send({ shipment, isFinal, format }: Parcel): Promise<void> {
    const { resource_id, segment } = shipment;
    const key = keyOf(shipment);
    const known = this.#unconfirmed.get(key) ?? this.#confirmed.get(key);
    if (known?.isDone) return;
    const progress = { shipment, sent: known?.sent ?? shipment.sequence, isDone: false };
    for await (const lines of this.#context.logStore.linesAfter(resource_id, segment, progress.sent)) {
      for (const line of lines) {
        const message = format(line);
        this.#connection ??= await this.#connect();
        await this.#connection.send(message);
        progress.sent = line.sequence;
        this.#note(key, progress, message.length);
        if (this.#isDue()) await this.#confirm();
      }
      if (this.#stop.aborted) return;
    }
    if (!isFinal) return;
    progress.isDone = true;
    this.#note(key, progress, 0);
    // A segment that sent nothing over this connection needs no confirmation.
    if (!this.#connection) await this.#confirm();
  }

  #connect(): Promise<SyslogConnection> {
    const { destinations } = this.#context.config;
    return SyslogConnection.open(this.#destination.endpoint, destinations.deliveries, this.#ca, this.#stop);
  }

  #note(key: string, progress: Progress, bytes: number): void {
    if (this.#unconfirmed.size === 0) this.#unconfirmedSince = performance.now();
    this.#unconfirmed.set(key, progress);
    this.#unconfirmedBytes += bytes;
  }

  #isDue(): boolean {
    if (this.#unconfirmed.size === 0) return false;
    return (
      this.#unconfirmedBytes >= CONFIRM_BYTES ||
      performance.now() - this.#unconfirmedSince >= CONFIRM_AFTER_MS
    );
  }

  /** Ends the connection in order and stores what is delivered by that. */
  async #confirm(): Promise<void> {
    const connection = this.#connection;
    await connection?.confirm();
    this.#connection = undefined;
    if (this.#unconfirmed.size === 0) return;
    const delivered = [...this.#unconfirmed.values()];
    this.#failures = 0;
    const { database, clock } = this.#context;
    const { endpoint } = this.#destination;
    await database.write(async (trx) => {
      for (const { shipment, sent, isDone } of delivered) {
        await advanceShipment(trx, shipment, { sequence: sent, ...(isDone ? { is_done: 1 } : {}) });
      }
      if (!connection) return;
      await noteStreamState(trx, this.#workspaceId, endpoint, {
        last_success_at: clock.now(),
        waiting_since: null,
      });
    }, 'jobs');
    for (const [key, progress] of this.#unconfirmed) this.#confirmed.set(key, progress);
    this.#forget();
  }

  #forget(): void {
    this.#unconfirmed.clear();
    this.#unconfirmedBytes = 0;
  }

  async #failed(error: unknown): Promise<void> {
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#forget();
    if (this.#stop.aborted) return;
    const backoff = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, LONGEST_BACKOFF_MS);
    this.#failures++;
    // Spread, so that many senders do not come back at once.
    this.#retryAt = performance.now() + backoff * (0.75 + Math.random() / 2);
    const message = error instanceof Error ? error.message : String(error);
    const { database, clock, logger } = this.#context;
    if (this.#failures === 1) {
      logger.warn('forwarding output failed; it is tried again', {
        endpoint: this.#destination.endpoint,
        message,
        // For the operator alone.
        ...(error instanceof Error && error.cause instanceof Error ? { cause: error.cause.message } : {}),
      });
    }
    const now = clock.now();
    await database
      .write(
        (trx) =>
          noteStreamState(trx, this.#workspaceId, this.#destination.endpoint, {
            last_error: message,
            last_error_at: now,
            ...(this.#failures === 1 ? { waiting_since: now } : {}),
          }),
        'jobs',
      )
      .catch((cause: unknown) => logger.error('the state of a log stream was not stored', cause));
  }
}

const keyOf = ({ resource_id, segment }: LogShipmentsTable): string => `${resource_id}.${segment}`;
