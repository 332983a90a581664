/**
 * The only way by which git reaches hosts over https: a proxy on loopback that lives for one fetch and knows one word.
 * It asks for a name's addresses itself, checks them, and connects to one that it checked; so do redirects of a host,
 * and whatever else git comes to ask for, with every version of git. What goes through it is encrypted end to end.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AddressRule } from '../../shared/addresses.ts';
import { resolveDestination } from '../../shared/destination.ts';

const CONNECT_TIMEOUT_MS = 20_000;
/** Connections of one fetch at once: git opens a few. */
const MAX_CONNECTIONS = 32;

export class CheckingProxy {
  readonly #server: Server;
  readonly #rule: AddressRule;
  readonly #word = randomBytes(24).toString('hex');
  readonly #open = new Set<Duplex>();

  private constructor(rule: AddressRule) {
    this.#rule = rule;
    // Whatever is no CONNECT gets the same answer as what cannot be reached.
    this.#server = createServer((_, response) => response.writeHead(502).end());
    this.#server.on('connect', (request, client, head) => {
      void this.#connect(request, client, head).catch(() => client.destroy());
    });
  }

  static async open(rule: AddressRule): Promise<CheckingProxy> {
    const proxy = new CheckingProxy(rule);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** With the word in it: for a file that only git reads. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://errand:${this.#word}@127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    for (const stream of this.#open) stream.destroy();
    this.#server.closeAllConnections();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #connect(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    this.#keep(client);
    const expected = `Basic ${Buffer.from(`errand:${this.#word}`).toString('base64')}`;
    if (request.headers['proxy-authorization'] !== expected || this.#open.size > MAX_CONNECTIONS * 2) {
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const target = await this.#reach(request.url ?? '').catch(() => undefined);
    if (!target) {
      client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    this.#keep(target);
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) target.write(head);
    client.pipe(target);
    target.pipe(client);
    client.on('close', () => target.destroy());
    target.on('close', () => client.destroy());
  }

  async #reach(authority: string): Promise<Socket> {
    const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(authority);
    if (!match) throw new Error('no host and port');
    const { addresses } = await resolveDestination(match[1]!, this.#rule);
    let failure: unknown;
    for (const address of addresses) {
      try {
        return await connected(address, Number(match[2]));
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #keep(stream: Duplex): void {
    this.#open.add(stream);
    stream.on('close', () => this.#open.delete(stream));
    stream.on('error', () => stream.destroy());
  }
}

/** A connection to an address: nothing is looked up any more. */
async function connected(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}
