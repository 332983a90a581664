/**
 * A connection to a syslog receiver over TLS. Syslog knows no acknowledgement: what was sent is only known to have
 * been read when the receiver closes in an orderly way after we did, so that is how a delivery is confirmed.
 */
import { once } from 'node:events';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, rootCertificates, type TLSSocket } from 'node:tls';
import type { AddressRule } from '../shared/addresses.ts';
import { resolveDestination, UnreachableError } from '../shared/destination.ts';

/** A receiver that does not answer is given up after this. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A receiver that reads nothing for this long. */
const STALL_TIMEOUT_MS = 30_000;
/** How long a receiver may take to read the rest and close. */
const CLOSE_TIMEOUT_MS = 15_000;
/** Longer than a round trip: what was sent has arrived when this has passed, so an end that comes tells of it. */
const QUIET_MS = 300;

export class SyslogConnection {
  readonly #socket: TLSSocket;
  #failure: Error | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#failure ??= error;
    });
    // An end that comes before ours leaves open what the receiver has read.
    socket.on('end', () => {
      if (!socket.writableEnded) this.#failure ??= new Error('the receiver closed the connection');
    });
    socket.resume();
  }

  /**
   * Connects and checks the receiver's certificate.
   * @param endpoint `host:port`
   * @param rule which addresses may be connected to; the one that was checked is
   * @param ca more certificates to trust, PEM
   * @throws UnreachableError when it cannot be reached or may not be; another error when its certificate is not for the
   *   host or not from an authority that is trusted
   */
  static async open(
    endpoint: string,
    rule: AddressRule,
    ca: string | undefined,
    signal: AbortSignal,
  ): Promise<SyslogConnection> {
    const { host, port } = splitEndpoint(endpoint);
    const { addresses } = await resolveDestination(host, rule);
    let failure: unknown;
    for (const address of addresses) {
      try {
        return await SyslogConnection.#connect({ host, address, port }, ca, signal);
      } catch (error) {
        failure = error;
      }
    }
    // The operator of a receiver must hear of its certificate; any other reason would tell what listens where.
    if (isOfCertificate(failure)) throw failure;
    throw new UnreachableError(host, { cause: failure });
  }

  static async #connect(
    { host, address, port }: { host: string; address: string; port: number },
    ca: string | undefined,
    signal: AbortSignal,
  ): Promise<SyslogConnection> {
    const socket = connect({
      host: address,
      port,
      // A name is sent along; an address cannot be.
      ...(isIP(host) ? {} : { servername: host }),
      ...(ca ? { ca: [...rootCertificates, ca] } : {}),
      minVersion: 'TLSv1.2',
    });
    try {
      await once(socket, 'secureConnect', {
        signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]),
      });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return new SyslogConnection(socket);
  }

  /** Sends bytes; resolves when more can be taken. @throws when the receiver is gone or reads nothing any more */
  async send(bytes: Buffer): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#socket.write(bytes)) return;
    await this.#drained();
  }

  /**
   * Ends the connection. Resolves when the receiver has read everything.
   * @throws when that cannot be told: what was not confirmed before must be sent again
   */
  async confirm(): Promise<void> {
    const socket = this.#socket;
    try {
      if (socket.writableNeedDrain) await this.#drained();
      await sleep(QUIET_MS);
      if (this.#failure) throw this.#failure;
      const closed = once(socket, 'close', { signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) });
      socket.end();
      await closed;
      if (this.#failure) throw this.#failure;
    } finally {
      socket.destroy();
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #drained(): Promise<void> {
    const over = new AbortController();
    const gone = once(this.#socket, 'close', { signal: over.signal }).then(() => {
      throw this.#failure ?? new Error('the receiver closed the connection');
    });
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(STALL_TIMEOUT_MS)]);
    try {
      await Promise.race([once(this.#socket, 'drain', { signal }), gone]);
    } catch (error) {
      throw this.#failure ?? new Error('the receiver reads nothing', { cause: error });
    } finally {
      over.abort();
      gone.catch(() => undefined);
    }
  }
}

const isOfCertificate = (error: unknown): boolean =>
  /CERT|SIGNATURE/.test((error as NodeJS.ErrnoException).code ?? '');

/** @throws for anything but `host:port` or `[address]:port` */
export function splitEndpoint(endpoint: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+)):(\d{1,5})$/i.exec(endpoint);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) {
    throw new Error(
      `an endpoint is host:port, such as logs.example.com:6514, got ${JSON.stringify(endpoint)}`,
    );
  }
  return { host: match[1] ?? match[2]!, port };
}
