/**
 * A real server as a process of its own, on a temporary data folder and a port that stays the same over all its
 * starts, so that clients find it again. It is killed and started as often as the harness likes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '../src/db/open.ts';
import { SystemClock } from '../src/shared/clock.ts';
import { seedService } from '../test/support/seed-service.ts';
import { removeTraces, supervisorNames } from './leftovers.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
export const KEY = 'torture-admin-key-0123456789';
/** A start includes a trial of the container runtime; other work on the machine makes it slower. */
const READY_WITHIN_MS = 60_000;
const REQUEST_TIMEOUT_MS = 20_000;
const NAMES_EVERY_MS = 50;

export type ExecutorName = 'local' | 'process';

export interface Answer<Body = Record<string, unknown>> {
  status: number;
  body: Body;
}

/** The request got no answer: whether it took effect is not known. */
export class Unanswered extends Error {
  /** Whether it reached no server at all: then it had no effect. */
  get wasRefused(): boolean {
    const { cause } = this.cause as { cause?: { code?: string } };
    return cause?.code === 'ECONNREFUSED';
  }
}

export class ServerProcess {
  readonly folder: string;
  readonly dataDir: string;
  readonly url: string;
  /** Starts so far. */
  starts = 0;
  /** Names of all supervisors that were seen: the cgroups of those that are gone must be gone as well. */
  readonly supervisorNames = new Set<string>();
  readonly #flags: string[];
  readonly #watch: NodeJS.Timeout;
  #child: ChildProcess | undefined;
  #workspaceId = '';

  private constructor(folder: string, port: number, flags: string[]) {
    this.folder = folder;
    this.dataDir = join(folder, 'data');
    this.url = `http://127.0.0.1:${port}/v1`;
    this.#flags = ['--port', String(port), '--data-dir', this.dataDir, ...flags];
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 });
    this.#watch = setInterval(() => {
      for (const name of supervisorNames(this.dataDir)) this.supervisorNames.add(name);
    }, NAMES_EVERY_MS).unref();
    // However the harness ends, its server ends with it.
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  /** Makes the data folder; nothing runs yet. @param flags of `errand serve` @param folder for all of it */
  static async make(
    executor: ExecutorName,
    flags: string[] = [],
    folder = mkdtempSync(join(tmpdir(), 'errand-torture-')),
  ): Promise<ServerProcess> {
    return new ServerProcess(folder, await freePort(), ['--executor', executor, ...flags]);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Where the server's log goes. */
  get logFile(): string {
    return join(this.folder, 'server.log');
  }

  /** Starts the process and returns at once. @param environment such as ERRAND_CRASH_AT */
  launch(environment: Record<string, string> = {}): void {
    if (this.alive) throw new Error('the server runs already');
    this.starts += 1;
    appendFileSync(this.logFile, `--- start ${this.starts} ${JSON.stringify(environment)}\n`);
    const log = openSync(this.logFile, 'a');
    this.#child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', MAIN, 'serve', ...this.#flags],
      {
        stdio: ['ignore', log, log],
        env: { PATH: process.env['PATH'], ERRAND_ADMIN_API_KEY: KEY, ...environment },
      },
    );
  }

  /** Resolves when it answers. @returns false when it ended before that */
  async ready(): Promise<boolean> {
    const deadline = performance.now() + READY_WITHIN_MS;
    while (this.alive) {
      const answered = await fetch(`${this.url}/owners`, {
        headers: { authorization: `Bearer ${KEY}` },
      }).then(
        (response) => response.ok,
        () => false,
      );
      if (answered) return true;
      if (performance.now() > deadline) throw new Error(`the server was not ready in time: ${this.logFile}`);
      await delay(20);
    }
    return false;
  }

  /** Starts and waits until it answers. */
  async start(): Promise<void> {
    this.launch();
    if (!(await this.ready())) throw new Error(`the server ended while it started: ${this.logFile}`);
  }

  get alive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.ended();
  }

  /** A graceful stop. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    await this.ended();
  }

  /** Resolves when the process is gone, by whomever. */
  async ended(): Promise<void> {
    if (this.alive) await once(this.#child!, 'exit');
  }

  /** One request. @throws Unanswered when the server is not there or dies over it */
  async call<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Answer<Body>> {
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${KEY}` },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: (text ? JSON.parse(text) : undefined) as Body };
    } catch (cause) {
      throw new Unanswered(`${method} ${path} got no answer`, { cause });
    }
  }

  /** The same request until it is answered; only for requests that may be repeated. */
  async insist<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Answer<Body>> {
    for (;;) {
      try {
        return await this.call<Body>(method, path, body);
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        await delay(50);
      }
    }
  }

  async workspaceId(): Promise<string> {
    if (this.#workspaceId === '') {
      const { body } = await this.insist<{ owner: { id: string } }[]>('GET', '/owners');
      this.#workspaceId = body[0]!.owner.id;
    }
    return this.#workspaceId;
  }

  /** A first start, which makes the workspace, and a service in it. The server is stopped afterwards. */
  async seed(details: Record<string, unknown> = {}): Promise<string> {
    await this.start();
    const workspaceId = await this.workspaceId();
    await this.stop();
    const database = await openDatabase(join(this.dataDir, 'errand.db'));
    try {
      return await seedService(
        { dataDir: this.dataDir },
        database,
        new SystemClock().now(),
        { 'README.txt': 'torture\n' },
        { workspace_id: workspaceId, details: JSON.stringify(details) },
      );
    } finally {
      await database.close();
    }
  }

  /** Ends everything of this server and removes its folders. @param keepAll leaves the data folder and the logs */
  async remove(keepAll = false): Promise<void> {
    await this.kill();
    clearInterval(this.#watch);
    await removeTraces(this.dataDir);
    if (keepAll) console.log(`what the server, the jobs and the truth said is in ${this.folder}`);
    else await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  // Below the range from which the system takes ports for connections: none of those may take it in between.
  for (let port = 20_000 + Math.floor(Math.random() * 10_000); ; port += 1) {
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => resolve(true));
    });
    probe.removeAllListeners('error');
    if (!free) continue;
    await new Promise<void>((resolve) => {
      probe.close(() => resolve());
    });
    return port;
  }
}
