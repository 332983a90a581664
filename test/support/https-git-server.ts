/**
 * A real git server over https on loopback: `git http-backend` behind Node's TLS, with a user and a token, and an LFS
 * API that serves the objects that git-lfs itself put into the repositories.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { makeCertificates } from './certificate-authority.ts';

export class HttpsGitServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'errand-https-git-'));
  readonly #certificates = makeCertificates(this.folder);
  /** Repositories by the first part of a path; each is the path of a repository on this machine. */
  readonly repositories = new Map<string, string>();
  /** `user:token` that opens them; undefined for everybody. */
  credential: string | undefined;
  /** Paths that lead elsewhere. */
  readonly redirects = new Map<string, string>();
  /** What it was asked, with whether a credential came along. */
  readonly requests: { path: string; authorization: string | undefined }[] = [];
  /** Where the LFS API says that objects are; this server otherwise. */
  lfsHref: string | undefined;
  /** Requests get no answer. */
  isSilent = false;
  /** Called when a request comes in, while whoever made it waits. */
  onRequest: () => void = () => undefined;
  readonly #server: Server;

  private constructor() {
    const { key, cert } = this.#certificates;
    this.#server = createServer({ key, cert }, (request, response) => {
      void this.#answer(request, response).catch(() => response.writeHead(500).end());
    });
  }

  static async start(): Promise<HttpsGitServer> {
    const server = new HttpsGitServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get caFile(): string {
    return this.#certificates.caFile;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(name: string, host = 'localhost'): string {
    return `https://${host}:${this.port}/${name}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    await rm(this.folder, { recursive: true, force: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, `https://localhost:${this.port}`);
    const { authorization } = request.headers;
    this.requests.push({ path: url.pathname, authorization });
    this.onRequest();
    if (this.isSilent) return;
    const [, name = '', rest = ''] = /^\/([^/]+)(\/.*)$/.exec(url.pathname) ?? [];
    const elsewhere = this.redirects.get(name);
    if (elsewhere) {
      response.writeHead(302, { location: `${elsewhere}${rest}${url.search}` }).end();
      return;
    }
    const expected = this.credential && `Basic ${Buffer.from(this.credential).toString('base64')}`;
    if (expected && authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('who is there?');
      return;
    }
    const repository = this.repositories.get(name.replace(/\.git$/, ''));
    if (!repository) response.writeHead(404).end();
    else if (rest === '/info/lfs/objects/batch') await this.#lfsBatch(name, request, response);
    else if (rest.startsWith('/lfs/')) this.#lfsObject(repository, rest.slice('/lfs/'.length), response);
    else await this.#git(repository, rest, url, request, response);
  }

  async #lfsBatch(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { objects } = (await json(request)) as { objects: { oid: string; size: number }[] };
    const answer = objects.map((object) => ({
      ...object,
      actions: { download: { href: this.lfsHref ?? this.url(`${name}/lfs/${object.oid}`) } },
    }));
    response.writeHead(200, { 'content-type': 'application/vnd.git-lfs+json' });
    response.end(JSON.stringify({ transfer: 'basic', objects: answer }));
  }

  #lfsObject(repository: string, oid: string, response: ServerResponse): void {
    const file = join(repository, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid);
    if (existsSync(file)) createReadStream(file).pipe(response);
    else response.writeHead(404).end();
  }

  /** As CGI: a head of lines, then the body. */
  async #git(
    repository: string,
    path: string,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: join(repository, '.git'),
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
        PATH_INFO: path,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'],
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
        GIT_PROTOCOL: request.headers['git-protocol'] as string | undefined,
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(backend.stdin);
    backend.stdin.on('error', () => undefined);
    const chunks: Buffer[] = [];
    for await (const chunk of backend.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
    const output = Buffer.concat(chunks);
    const end = output.indexOf('\r\n\r\n');
    const headers = output
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line) => line.split(': '));
    const status = headers.find(([name]) => name === 'Status')?.[1];
    for (const [name, value] of headers) if (name !== 'Status') response.setHeader(name!, value!);
    response.writeHead(status ? Number.parseInt(status, 10) : 200).end(output.subarray(end + 4));
  }
}
