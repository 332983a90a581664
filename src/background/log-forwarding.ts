/**
 * Forwards output: finds jobs and deploys that are new, keeps a shipment for each until it is delivered as a whole, and
 * offers what is open to its receiver. Where each shipment stands is stored, so a server that starts anew goes on.
 */
import { readFileSync } from 'node:fs';
import type { Context } from '../context.ts';
import { activeDeploysAmong } from '../db/queries/deploys.ts';
import { unfinishedAmong } from '../db/queries/jobs.ts';
import {
  addShipments,
  advanceShipment,
  fedUntil,
  openShipments,
  removeDoneShipments,
  segmentsCreatedAfter,
  setFedUntil,
  unfinishedSegments,
} from '../db/queries/log-shipments.ts';
import { forwardingWorkspaces } from '../db/queries/log-streams.ts';
import { findAnyService } from '../db/queries/services.ts';
import type { LogShipmentsTable } from '../db/schema.ts';
import { OUTPUT } from '../jobs/finish-job.ts';
import { maskerOf, maskSettings } from '../jobs/output-secrets.ts';
import { formatSyslog } from '../logs/syslog.ts';
import { type Destination, destinationsOf } from '../services/log-streams.ts';
import { formatMicros, parseMicros } from '../shared/clock.ts';
import { type Parcel, Receiver } from './log-destination.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 1000;
/** A job's row may become visible this much later than the time it carries. */
const FEED_OVERLAP_MICROS = 60_000_000;
/** New segments that are taken in at once, and open shipments that are looked at in a round. */
const FEED_LIMIT = 2000;
const ROUND_LIMIT = 2000;
/** Done shipments are kept for longer than the feed looks back. */
const DONE_KEPT_MICROS = 86_400_000_000;

/** @throws when the file of certificates cannot be read */
export function startLogForwardingLoop(context: Context): Loop {
  const { logStreamCa } = context.config;
  const ca = logStreamCa && readFileSync(logStreamCa, 'utf8');
  const stop = new AbortController();
  const forwarding = new Forwarding(context, ca, stop.signal);
  const loop = startLoop('log forwarding', INTERVAL_MS, () => forwarding.pass(), context.logger);
  return {
    nudge: loop.nudge,
    async stop() {
      stop.abort();
      await loop.stop();
      await forwarding.close();
    },
  };
}

class Forwarding {
  readonly #context: Context;
  readonly #ca: string | undefined;
  readonly #stop: AbortSignal;
  readonly #receivers = new Map<string, Receiver>();
  /** How the lines of an open shipment become messages; made once, since it takes decrypting. */
  readonly #formats = new Map<string, Promise<Parcel['format']>>();
  /** Services of open shipments whose secrets are not hidden. Formats look here: a shipment may take long. */
  readonly #unmasked = new Set<string>();

  constructor(context: Context, ca: string | undefined, stop: AbortSignal) {
    this.#context = context;
    this.#ca = ca;
    this.#stop = stop;
  }

  async pass(): Promise<void> {
    // The folder that this one is a copy of sends the same lines.
    if (this.#context.hold.held) return;
    const workspaces = await forwardingWorkspaces(this.#context.database.read);
    for (const workspaceId of workspaces) {
      if (this.#stop.aborted) return;
      try {
        await this.#feed(workspaceId);
        await this.#offer(workspaceId);
      } catch (error) {
        // The lines of other workspaces do not wait for what is wrong with this one.
        this.#context.logger.error(
          'the output of a workspace could not be forwarded; it is tried again',
          error,
          {
            workspace: workspaceId,
          },
        );
      }
    }
    if (workspaces.length > 0) await this.#tidy();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#receivers.values()].map((receiver) => receiver.close()));
  }

  /** Takes in what is new; at first, what is not over yet. */
  async #feed(workspaceId: string): Promise<void> {
    const { database, clock } = this.#context;
    const fed = await fedUntil(database.read, workspaceId);
    const now = clock.now();
    if (fed === undefined) {
      const segments = await unfinishedSegments(database.read, workspaceId, OUTPUT);
      await database.write(async (trx) => {
        await addShipments(trx, workspaceId, segments);
        await setFedUntil(trx, workspaceId, now);
      });
      return;
    }
    const from = formatMicros(parseMicros(fed) - FEED_OVERLAP_MICROS);
    const segments = await segmentsCreatedAfter(database.read, workspaceId, from, FEED_LIMIT, OUTPUT);
    const last = segments.at(-1)?.createdAt;
    // A full page ends before now: what follows it comes next time.
    const until = segments.length === FEED_LIMIT && last ? last : now;
    if (segments.length === 0 && parseMicros(now) - parseMicros(fed) < FEED_OVERLAP_MICROS / 2) return;
    await database.write(async (trx) => {
      await addShipments(trx, workspaceId, segments);
      await setFedUntil(trx, workspaceId, until);
    });
  }

  async #offer(workspaceId: string): Promise<void> {
    const { database } = this.#context;
    const shipments = await openShipments(database.read, workspaceId, ROUND_LIMIT);
    if (shipments.length === 0) return this.#offerNothing(workspaceId);
    // Asked before their lines are read: what is final now has all its lines.
    const active = await this.#active(shipments);
    await this.#readSettings(shipments);
    const destinationOf = await destinationsOf(this.#context, workspaceId);
    const parcels = new Map<string, { destination: Destination; parcels: Parcel[] }>();
    for (const shipment of shipments) {
      const destination = destinationOf(shipment.service_id);
      if (!destination) {
        await database.write((trx) => advanceShipment(trx, shipment, { is_done: 1 }));
        continue;
      }
      const key = keyOf(workspaceId, destination);
      const isFinal = !active.has(shipment.segment) && !active.has(shipment.resource_id);
      const format = await this.#format(shipment, destination);
      const group = parcels.get(key) ?? { destination, parcels: [] };
      group.parcels.push({ shipment, isFinal, format });
      parcels.set(key, group);
    }
    for (const [key, group] of parcels)
      this.#receiver(key, workspaceId, group.destination).offer(group.parcels);
  }

  /** What was sent and is not confirmed gets its confirmation although nothing follows. */
  #offerNothing(workspaceId: string): void {
    for (const [key, receiver] of this.#receivers) if (key.startsWith(workspaceId)) receiver.offer([]);
  }

  #receiver(key: string, workspaceId: string, destination: Destination): Receiver {
    const receiver =
      this.#receivers.get(key) ?? new Receiver(this.#context, workspaceId, destination, this.#ca, this.#stop);
    this.#receivers.set(key, receiver);
    return receiver;
  }

  /** Of the shipments' jobs and deploys those that still write. */
  async #active(shipments: LogShipmentsTable[]): Promise<Set<string>> {
    const { read } = this.#context.database;
    const jobs = shipments.filter((one) => one.segment === OUTPUT).map((one) => one.resource_id);
    const deploys = shipments.filter((one) => one.segment !== OUTPUT).map((one) => one.segment);
    return new Set([...(await unfinishedAmong(read, jobs)), ...(await activeDeploysAmong(read, deploys))]);
  }

  async #readSettings(shipments: LogShipmentsTable[]): Promise<void> {
    const services = new Set(shipments.map((one) => one.service_id));
    const settings = await maskSettings(this.#context, services);
    for (const service of services) {
      if (settings.get(service) === false) this.#unmasked.add(service);
      else this.#unmasked.delete(service);
    }
  }

  #format(shipment: LogShipmentsTable, destination: Destination): Promise<Parcel['format']> {
    const key = `${shipment.resource_id}.${shipment.segment} ${keyOf('', destination)}`;
    const format = this.#formats.get(key) ?? this.#makeFormat(shipment, destination);
    this.#formats.set(key, format);
    format.catch(() => this.#formats.delete(key));
    return format;
  }

  async #makeFormat(shipment: LogShipmentsTable, destination: Destination): Promise<Parcel['format']> {
    const isJob = shipment.segment === OUTPUT;
    const service = await findAnyService(this.#context.database.read, shipment.service_id);
    const mask = await maskerOf(
      this.#context,
      isJob ? { jobId: shipment.resource_id } : { serviceId: shipment.service_id },
    );
    const origin = {
      hostname: service?.slug ?? '-',
      appName: isJob ? shipment.resource_id : shipment.segment,
      serviceId: shipment.service_id,
      type: isJob ? ('app' as const) : ('build' as const),
      token: destination.token,
    };
    return (line) => {
      const isMasked = mask && !this.#unmasked.has(shipment.service_id);
      return formatSyslog(line, isMasked ? mask(line.message) : line.message, origin);
    };
  }

  async #tidy(): Promise<void> {
    for (const [key, receiver] of this.#receivers) if (receiver.isIdle) this.#receivers.delete(key);
    if (this.#formats.size > 4 * ROUND_LIMIT) this.#formats.clear();
    const { database, clock } = this.#context;
    const before = formatMicros(parseMicros(clock.now()) - DONE_KEPT_MICROS);
    if (Math.random() < 0.01) await database.write((trx) => removeDoneShipments(trx, before));
  }
}

const keyOf = (workspaceId: string, { endpoint, token }: Destination): string =>
  `${workspaceId} ${endpoint} ${token ?? ''}`;
