/** The Errand that is installed in a machine, by its public API through the machine's connection. */
import type { Job } from '../../src/api/contract-types.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { ConnectionError } from '../../src/client/errors.ts';
import { eventually } from '../support/eventually.ts';
import type { Machine } from './machine.ts';

export const ADMIN_KEY = 'a-key-of-the-machine-in-emulation';
const SERVICE = 'scripts';
/** Emulation and a restart of the server take their time. */
const PATIENCE_MS = 600_000;

export class InstalledErrand {
  readonly machine: Machine;
  readonly #client: Client;
  #ownerId = '';
  #serviceId = '';

  constructor(machine: Machine) {
    this.machine = machine;
    this.#client = createClient({ host: machine.server, apiKey: ADMIN_KEY });
  }

  /** Waits until the server answers. */
  async answers(): Promise<void> {
    await eventually(
      async () => {
        const owners = await this.#patiently(() =>
          this.#client.call('list-owners', { query: {}, timeoutMs: 60_000 }),
        );
        this.#ownerId = owners?.[0]?.owner?.id ?? this.#ownerId;
        return this.#ownerId !== '';
      },
      { withinMs: PATIENCE_MS, everyMs: 500, what: 'the server to answer' },
    );
  }

  /** The service that jobs run from, made unless it is there. @param repository a path in the machine */
  async useService(repository: string): Promise<void> {
    const query = { name: [SERVICE] };
    const [there] = await this.#client.call('list-services', { query, timeoutMs: 60_000 });
    this.#serviceId = there?.service.id ?? (await this.#createService(repository));
  }

  async #createService(repository: string): Promise<string> {
    const { service, deployId } = await this.#client.call('create-service', {
      body: {
        type: 'background_worker',
        name: SERVICE,
        ownerId: this.#ownerId,
        repo: repository,
        branch: 'main',
        serviceDetails: {
          runtime: 'node',
          plan: 'starter',
          envSpecificDetails: { buildCommand: 'true', startCommand: 'true' },
        },
      },
      timeoutMs: 60_000,
    });
    const params = { serviceId: service!.id, deployId: deployId! };
    const status = await eventually(
      async () => {
        const deploy = await this.#client.call('retrieve-deploy', { params, timeoutMs: 60_000 });
        return /live|failed|canceled/.test(deploy.status ?? '') && deploy.status;
      },
      { withinMs: PATIENCE_MS, everyMs: 500, what: 'the build of the service' },
    );
    if (status !== 'live') throw new Error(`the build of the service ended as ${status}`);
    return service!.id;
  }

  /** Creates a job and gives its id. */
  async start(startCommand: string, timeoutSeconds?: number): Promise<string> {
    const body = { startCommand, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) };
    const { id } = await this.#client.call('post-job', {
      params: { serviceId: this.#serviceId },
      body,
      timeoutMs: 60_000,
    });
    return id;
  }

  /** The same command, as so many jobs. */
  async startMany(count: number, startCommand: string): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) ids.push(await this.start(startCommand));
    return ids;
  }

  async cancel(jobId: string): Promise<void> {
    const params = { serviceId: this.#serviceId, jobId };
    await this.#client.call('cancel-job', { params, timeoutMs: 60_000 });
  }

  async job(jobId: string): Promise<Job> {
    const params = { serviceId: this.#serviceId, jobId };
    return await this.#client.call('retrieve-job', { params, timeoutMs: 60_000, retryForMs: 20_000 });
  }

  /** Waits until all of the jobs are running. */
  async running(jobIds: string[]): Promise<void> {
    await this.#each(jobIds, 'to run', ({ status }) => status === 'running');
  }

  /** Waits for the ends of the jobs and gives them in the same order. */
  async finished(jobIds: string[], withinMs = PATIENCE_MS): Promise<Job[]> {
    return await this.#each(jobIds, 'to end', isFinal, withinMs);
  }

  /** A job from its creation to its end. */
  async ran(startCommand: string, timeoutSeconds?: number): Promise<Job> {
    const [job] = await this.finished([await this.start(startCommand, timeoutSeconds)]);
    return job!;
  }

  /** All lines that a job printed, in order. */
  async lines(jobId: string): Promise<string[]> {
    const lines: string[] = [];
    let query: { startTime?: string; endTime?: string } = { startTime: new Date(0).toISOString() };
    for (;;) {
      const page = await this.#client.call('list-logs', {
        query: { ownerId: this.#ownerId, resource: [jobId], direction: 'forward', limit: 100, ...query },
        timeoutMs: 60_000,
        retryForMs: 20_000,
      });
      lines.push(...page.logs.map(({ message }) => message));
      if (!page.hasMore) return lines;
      query = { startTime: page.nextStartTime, endTime: page.nextEndTime };
    }
  }

  /** Waits until a job has printed a line that matches. */
  async printed(jobId: string, pattern: RegExp): Promise<string> {
    return await eventually(async () => (await this.lines(jobId)).find((line) => pattern.test(line)), {
      withinMs: PATIENCE_MS,
      everyMs: 1000,
      what: `a line like ${pattern} of ${jobId}`,
    });
  }

  async #each(
    jobIds: string[],
    what: string,
    isSo: (job: Job) => boolean,
    withinMs = PATIENCE_MS,
  ): Promise<Job[]> {
    const seen = new Map<string, Job>();
    const wanted = new Set(jobIds);
    await eventually(
      async () => {
        for (const job of await this.#list()) if (wanted.has(job.id)) seen.set(job.id, job);
        return jobIds.every((id) => seen.has(id) && isSo(seen.get(id)!));
      },
      { withinMs, everyMs: 1000, what: `${jobIds.length} jobs ${what}` },
    ).catch((error: Error) => {
      const others = jobIds.map((id) => seen.get(id)).filter((job) => !job || !isSo(job));
      throw new Error(`${error.message}; not so: ${JSON.stringify(others.slice(0, 5))}`);
    });
    return jobIds.map((id) => seen.get(id)!);
  }

  /** The newest jobs; none while the server does not answer. */
  async #list(): Promise<Job[]> {
    const jobs: Job[] = [];
    let cursor: string | undefined;
    // More than any scenario starts.
    while (jobs.length < 200) {
      const query = { limit: 100, ...(cursor === undefined ? {} : { cursor }) };
      const call = { params: { serviceId: this.#serviceId }, query, timeoutMs: 60_000 };
      const page = (await this.#patiently(() => this.#client.call('list-job', call))) ?? [];
      jobs.push(...page.map(({ job }) => job));
      cursor = page.at(-1)?.cursor;
      if (page.length < 100) break;
    }
    return jobs;
  }

  /** Undefined where nothing answers just now. */
  async #patiently<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof ConnectionError) return undefined;
      throw error;
    }
  }
}

const isFinal = ({ status }: Job): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'canceled';
