/** A real `errand serve` process on a data folder of its own, and what the measures ask of it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { artifactTree } from '../src/builds/artifact-path.ts';
import { type Config, readConfig } from '../src/config.ts';
import { type Database, openDatabase } from '../src/db/open.ts';
import type { ServicesTable } from '../src/db/schema.ts';
import { openLocalExecutor } from '../src/executors/local/open.ts';
import { newId } from '../src/shared/ids.ts';
import { HttpClient } from './http-client.ts';

const KEY = 'bench-admin-key-0123456789';
const PROGRAM = join(import.meta.dirname, '..', 'script', 'errand');
const START_WAIT_MS = 60_000;
const INSTANCE_USER = 64_000;

export interface Job {
  id: string;
  status?: string;
  startedAt?: string;
  finishedAt?: string;
}

export class BenchServer {
  readonly dataDir: string;
  readonly #flags: string[];
  readonly #nodeFlags: string[];
  #process: ChildProcess | undefined;
  #client: HttpClient | undefined;
  #url = '';
  #onLine: (line: string) => void = () => undefined;

  private constructor(dataDir: string, flags: string[], nodeFlags: string[]) {
    this.dataDir = dataDir;
    this.#flags = flags;
    this.#nodeFlags = nodeFlags;
  }

  /**
   * @param seed fills the database before the server runs on it
   * @param options.flags more of `errand serve`; the defaults let far more run at once than any measure wants
   * @param options.nodeFlags for Node itself, such as `--cpu-prof`
   */
  static async start(
    folder: string,
    seed: (database: Database, server: BenchServer) => Promise<void>,
    options: { flags?: string[]; nodeFlags?: string[] } = {},
  ): Promise<BenchServer> {
    const roomy = ['--max-memory', '4TB', '--max-cpu', '4000', '--max-jobs', '100000'];
    // What a supervisor can take is measured, not what a flood is held to.
    roomy.push('--max-log-bytes', '1TB', '--max-log-rate', '1TB', '--max-job-disk', '1TB');
    const patient = ['--max-jobs-per-hour', '--max-reads-per-minute', '--max-writes-per-minute'].flatMap(
      (flag) => [flag, '1000000000'],
    );
    const server = new BenchServer(
      folder,
      [...roomy, ...patient, ...(options.flags ?? [])],
      options.nodeFlags ?? [],
    );
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The first start makes the workspace that the seeds belong to.
    await server.launch();
    await server.stop();
    const database = await openDatabase(join(folder, 'errand.db'));
    await seed(database, server);
    await database.close();
    await server.launch();
    return server;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Record<string, string> {
    return { authorization: `Bearer ${KEY}` };
  }

  get client(): HttpClient {
    return this.#client!;
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  /** Starts the process. @param onLine sees each line of its log @returns milliseconds until it listens */
  async launch(onLine: (line: string) => void = () => undefined): Promise<number> {
    const startedMs = performance.now();
    this.#onLine = onLine;
    const child = spawn(PROGRAM, ['serve', '--data-dir', this.dataDir, '--port', '0', ...this.#flags], {
      env: { ...process.env, ERRAND_ADMIN_API_KEY: KEY, NODE_OPTIONS: this.#nodeFlags.join(' ') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    const log = createWriteStream(`${this.dataDir}.log`, { flags: 'a' });
    this.#url = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error('errand serve does not listen in time')),
        START_WAIT_MS,
      );
      child.once('exit', (code) =>
        reject(new Error(`errand serve ended with ${code}: see ${this.dataDir}.log`)),
      );
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          log.write(`${line}\n`);
          this.#onLine(line);
          const url = /^Errand listens on (\S+)/.exec(line)?.[1];
          if (!url) return;
          clearTimeout(timer);
          resolve(url);
        });
      }
    });
    this.#client = new HttpClient(`${this.#url}/v1`, this.headers);
    return performance.now() - startedMs;
  }

  /** Ends the process; its jobs go on. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    if (!child) return;
    this.#process = undefined;
    this.#client?.close();
    child.removeAllListeners('exit');
    if (child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Ends the process and everything that its jobs left. */
  async close(): Promise<void> {
    await this.stop();
    const executor = await openLocalExecutor(this.#config());
    for (const id of await executor.list()) await executor.destroy(id);
    // With no instance left it takes what it shares among them from the host.
    await executor.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /**
   * Inserts a service with a live artifact. @param fill writes the artifact's files into the folder it is given
   * @returns its id
   */
  async addService(
    database: Database,
    fill: (tree: string) => void = () => undefined,
    overrides: Partial<ServicesTable> = {},
  ): Promise<string> {
    const { id: workspaceId } = await database.read
      .selectFrom('workspaces')
      .select('id')
      .executeTakeFirstOrThrow();
    const [serviceId, deployId, artifactId] = [newId('srv'), newId('dep'), newId('art')];
    const tree = artifactTree(this.#config(), { id: artifactId });
    mkdirSync(tree, { recursive: true });
    fill(tree);
    execFileSync('chown', ['-R', `${INSTANCE_USER}:${INSTANCE_USER}`, tree]);
    const now = new Date().toISOString().replace('Z', '000Z');
    const owner = { service_id: serviceId, workspace_id: workspaceId };
    await database.write(async (trx) => {
      await trx
        .insertInto('services')
        .values({
          id: serviceId,
          workspace_id: workspaceId,
          type: 'background_worker',
          name: serviceId,
          slug: serviceId,
          runtime: 'node',
          plan: 'starter',
          region: 'oregon',
          repo: 'https://example.com/team/app',
          branch: 'main',
          root_dir: '',
          image: null,
          environment_id: null,
          suspended: 0,
          suspenders: '[]',
          details: '{}',
          extra: '{}',
          live_deploy_id: deployId,
          created_at: now,
          updated_at: now,
          deleted_at: null,
          ...overrides,
        })
        .execute();
      await trx
        .insertInto('artifacts')
        .values({
          ...owner,
          id: artifactId,
          deploy_id: deployId,
          kind: 'tree',
          location: artifactId,
          root_dir: '',
          git: JSON.stringify({ commit: 'a'.repeat(40), branch: 'main', repoSlug: 'team/app' }),
          size_bytes: 0,
          created_at: now,
          removed_at: null,
        })
        .execute();
      await trx
        .insertInto('deploys')
        .values({
          ...owner,
          id: deployId,
          status: 'live',
          trigger: 'api',
          commit_id: 'a'.repeat(40),
          commit_message: 'first',
          commit_created_at: now,
          wanted_commit: null,
          clear_cache: 0,
          image: null,
          artifact_id: artifactId,
          failure: null,
          created_at: now,
          updated_at: now,
          started_at: now,
          finished_at: now,
        })
        .execute();
    });
    return serviceId;
  }

  create(serviceId: string, startCommand: string, more: Record<string, unknown> = {}): Promise<Job> {
    return this.client.json<Job>('POST', `/services/${serviceId}/jobs`, { startCommand, ...more });
  }

  /** The job once it is final. @throws unless it succeeded */
  async finished(id: string): Promise<Job> {
    for (;;) {
      const job = await this.client.json<Job>('GET', `/jobs/${id}/wait?timeoutSeconds=60`);
      if (!job.finishedAt) continue;
      if (job.status !== 'succeeded') throw new Error(`job ${id}: ${JSON.stringify(job)}`);
      return job;
    }
  }

  /** One command from POST to the answer of the waiting GET. */
  async run(
    serviceId: string,
    command: string,
    more: Record<string, unknown> = {},
  ): Promise<{ job: Job; startedMs: number; finalMs: number }> {
    const startedMs = performance.timeOrigin + performance.now();
    const { id } = await this.create(serviceId, command, more);
    const job = await this.finished(id);
    return { job, startedMs, finalMs: performance.timeOrigin + performance.now() - startedMs };
  }

  /** `count` commands, `concurrency` at once. @returns commands per second */
  async rate(serviceId: string, command: string, count: number, concurrency: number): Promise<number> {
    const startedMs = performance.now();
    let left = count;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await this.run(serviceId, command);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    return (count * 1000) / (performance.now() - startedMs);
  }

  async workspaceId(): Promise<string> {
    const owners = await this.client.json<{ owner: { id: string } }[]>('GET', '/owners');
    return owners[0]!.owner.id;
  }

  #config(): Config {
    return readConfig({ dataDir: this.dataDir, port: '0' }, {});
  }
}
