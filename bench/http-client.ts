/** A plain HTTP client over kept connections, to a port or a unix socket. The same for Errand and for its peers. */
import { Agent, type IncomingMessage, request } from 'node:http';
import type { Readable } from 'node:stream';

export interface Answer {
  status: number;
  bytes: Buffer;
}

export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  readonly #target: { host: string; port: number } | { socketPath: string };
  readonly #headers: Record<string, string>;
  readonly #prefix: string;

  /** @param target an http URL, whose path goes before every request's, or the path of a unix socket */
  constructor(target: string, headers: Record<string, string> = {}) {
    const url = target.startsWith('/') ? undefined : new URL(target);
    this.#target = url ? { host: url.hostname, port: Number(url.port) } : { socketPath: target };
    this.#prefix = url ? url.pathname.replace(/\/$/, '') : '';
    this.#headers = headers;
  }

  /** @param body sent as JSON, or as it comes from a stream */
  async request(method: string, path: string, body?: unknown): Promise<Answer> {
    const isStream = typeof (body as Readable | undefined)?.pipe === 'function';
    const text = body === undefined || isStream ? undefined : JSON.stringify(body);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        {
          ...this.#target,
          agent: this.#agent,
          method,
          path: this.#prefix + path,
          headers: {
            ...this.#headers,
            ...(text === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
            ...(isStream ? { 'content-type': 'application/x-tar' } : {}),
          },
        },
        resolve,
      );
      sent.on('error', reject);
      if (isStream) (body as Readable).pipe(sent);
      else sent.end(text);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode!, bytes: Buffer.concat(chunks) };
  }

  /** The parsed answer. @throws unless the status is one of success */
  async json<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const { status, bytes } = await this.request(method, path, body);
    if (status >= 300)
      throw new Error(`${method} ${path}: ${status} ${bytes.toString('utf8').slice(0, 500)}`);
    return (bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : undefined) as Body;
  }

  close(): void {
    this.#agent.destroy();
  }
}
