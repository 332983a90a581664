/**
 * A real server in this process, on a free port with a temporary data folder, and shortcuts to what most tests need.
 * `close` stops it, ends what its jobs left and removes the folder.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, readConfig, type ServeFlags } from '../../src/config.ts';
import type { ServicesTable } from '../../src/db/schema.ts';
import type { PresentedJob } from '../../src/jobs/present-job.ts';
import { type RunningServer, startServer } from '../../src/server.ts';
import { type Clock, SystemClock } from '../../src/shared/clock.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { removeTree } from '../../src/shared/trees.ts';
import { checkAnswer } from './contract-client.ts';
import { eventually } from './eventually.ts';
import { seedService, writeArtifact } from './seed-service.ts';

export const ADMIN_KEY = 'test-admin-key-0123456789';

export interface Answer<Body = unknown> {
  status: number;
  headers: Headers;
  body: Body;
}

export class TestServer {
  readonly config: Config;
  /** What the server logged. */
  readonly logLines: string[] = [];
  #running: RunningServer;

  private constructor(config: Config, running: RunningServer, logLines: string[]) {
    this.config = config;
    this.#running = running;
    this.logLines = logLines;
  }

  static async start(flags: ServeFlags = {}, clock: Clock = new SystemClock()): Promise<TestServer> {
    const dataDir = flags.dataDir ?? mkdtempSync(join(tmpdir(), 'errand-test-'));
    const config = readConfig(
      { dataDir, port: '0', executor: 'local', allowLocalRepos: true, ...flags },
      { ERRAND_ADMIN_API_KEY: ADMIN_KEY },
    );
    const logLines: string[] = [];
    const running = await startServer(
      config,
      createLogger((line) => logLines.push(line)),
      clock,
    );
    return new TestServer(config, running, logLines);
  }

  get running(): RunningServer {
    return this.#running;
  }

  get url(): string {
    return `${this.#running.url}/v1`;
  }

  /** Stops the server and starts another on the same data folder. @param meanwhile done while there is none */
  async restart(meanwhile: () => void | Promise<void> = () => undefined): Promise<void> {
    await this.#running.stop();
    await meanwhile();
    this.#running = await startServer(
      this.config,
      createLogger((line) => this.logLines.push(line)),
      this.#running.context.clock,
    );
  }

  async close(): Promise<void> {
    const { executor } = this.#running.context;
    await this.#running.stop();
    const left = await executor.list();
    for (const id of left) await executor.destroy(id);
    // What it keeps on the host for instances goes with the last of them.
    if (left.length > 0) await executor.close();
    // Jobs and builds may have left what no path can name.
    await removeTree(this.config.dataDir);
  }

  /** One request with the admin key, its answer held to the contract. @param body sent as JSON; a string is sent as it is */
  async call<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: unknown = text ? JSON.parse(text) : undefined;
    checkAnswer(method, `/v1${path}`, {
      status: response.status,
      body: parsed,
      headers: Object.fromEntries(response.headers),
    });
    return { status: response.status, headers: response.headers, body: parsed as Body };
  }

  async workspaceId(): Promise<string> {
    const { body } = await this.call<{ owner: { id: string } }[]>('GET', '/owners');
    return body[0]!.owner.id;
  }

  /**
   * A service with a live artifact of the given files, without a build.
   * @param overrides columns of its row
   */
  async seedService(
    files: Record<string, string> = {},
    overrides: Partial<ServicesTable> = {},
  ): Promise<string> {
    const { database, clock } = this.#running.context;
    const workspaceId = overrides.workspace_id ?? (await this.workspaceId());
    return seedService(this.config, database, clock.now(), files, {
      ...overrides,
      workspace_id: workspaceId,
    });
  }

  /** Writes the files of an artifact. */
  writeTree(artifactId: string, files: Record<string, string>): void {
    writeArtifact(this.config, artifactId, files);
  }

  /** Creates a job; the answer must be 201. */
  async createJob(
    serviceId: string,
    startCommand: string,
    more: Record<string, unknown> = {},
  ): Promise<PresentedJob> {
    const answer = await this.call<PresentedJob>('POST', `/services/${serviceId}/jobs`, {
      startCommand,
      ...more,
    });
    if (answer.status !== 201)
      throw new Error(`creating a job: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async job(id: string): Promise<PresentedJob> {
    return (await this.call<PresentedJob>('GET', `/jobs/${id}`)).body;
  }

  /** The job once it is final. */
  async finished(id: string, withinMs = 30_000): Promise<PresentedJob> {
    return eventually(
      async () => {
        const { body } = await this.call<PresentedJob>('GET', `/jobs/${id}/wait?timeoutSeconds=10`);
        return body.finishedAt ? body : undefined;
      },
      { withinMs, what: `the end of ${id}` },
    );
  }

  /** Creates a job and waits for its end. @returns the final job with the messages it printed */
  async run(
    serviceId: string,
    startCommand: string,
    more: Record<string, unknown> = {},
  ): Promise<PresentedJob & { output: string[] }> {
    const job = await this.finished((await this.createJob(serviceId, startCommand, more)).id);
    return { ...job, output: await this.output(job.id) };
  }

  /** All lines that a job printed, in order. */
  async output(jobId: string): Promise<string[]> {
    const lines: string[] = [];
    let range = '&startTime=2000-01-01T00:00:00Z';
    for (;;) {
      const { body } = await this.call<{
        logs: { message: string }[];
        hasMore: boolean;
        nextStartTime: string;
        nextEndTime: string;
      }>(
        'GET',
        `/logs?ownerId=${await this.workspaceId()}&resource=${jobId}&direction=forward&limit=100${range}`,
      );
      lines.push(...body.logs.map(({ message }) => message));
      if (!body.hasMore) return lines;
      range = `&startTime=${body.nextStartTime}&endTime=${body.nextEndTime}`;
    }
  }
}
