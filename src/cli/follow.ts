/**
 * Following output until its source is final: every line once, in order. A job's lines are sent live; a build's come
 * from the log query of the API, read forward, and its end is learnt from the deploy. A server that restarts meanwhile
 * is waited for, since the job runs on without it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deploy, Job } from '../api/contract-types.ts';
import type { Client } from '../client/client.ts';
import { followLines, type LineHandler, PATIENCE_MS } from './live-lines.ts';

/** The longest that one request waits for a job's end. */
const WAIT_SECONDS = 20;
/** Pauses between looks at the log: short while lines come, longer while none do. */
const SHORTEST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;
const DEPLOY_PAUSE_MS = 300;
const PAGE = 100;

export interface FollowOptions {
  ownerId: string;
  onLine: LineHandler;
  /** Leaves the job alone and stops following. */
  signal?: AbortSignal;
}

/** Hands on a job's lines from its first to its last, and returns the job as it ended. */
export async function followJob(client: Client, job: Job, options: FollowOptions): Promise<Job> {
  const { ownerId, onLine, signal } = options;
  await followLines(client, { ownerId, resource: [job.id] }, { onLine, ...(signal ? { signal } : {}) });
  for (;;) {
    const now = await client.call('wait-for-job', {
      params: { jobId: job.id },
      query: { timeoutSeconds: WAIT_SECONDS },
      timeoutMs: (WAIT_SECONDS + 20) * 1000,
      retryForMs: PATIENCE_MS,
      ...(signal ? { signal } : {}),
    });
    if (isFinal(now)) return now;
  }
}

export function isFinal(job: Job): boolean {
  return job.status === 'succeeded' || job.status === 'failed' || job.status === 'canceled';
}

/** Statuses in which a deploy is still on its way. */
const DEPLOY_ON_ITS_WAY: readonly (string | undefined)[] = [
  'created',
  'queued',
  'build_in_progress',
  'update_in_progress',
  'pre_deploy_in_progress',
];

/** Hands on the build's lines of a deploy, and returns the deploy as it ended. */
export async function followDeploy(
  client: Client,
  serviceId: string,
  deploy: Deploy,
  options: FollowOptions,
): Promise<Deploy> {
  const source = { resource: serviceId, type: 'build', instance: deploy.id, from: deploy.createdAt! };
  return followUntil(client, source, options, async (signal) => {
    for (;;) {
      const now = await client.call('retrieve-deploy', {
        params: { serviceId, deployId: deploy.id },
        retryForMs: PATIENCE_MS,
        signal,
      });
      if (!DEPLOY_ON_ITS_WAY.includes(now.status)) return now;
      await sleep(DEPLOY_PAUSE_MS, undefined, { signal });
    }
  });
}

/** All lines of a resource that are there now, first to last. */
export async function readLines(client: Client, source: LineSource, options: FollowOptions): Promise<void> {
  await new LineReader(client, source, options).drain();
}

async function followUntil<Final>(
  client: Client,
  source: LineSource,
  options: FollowOptions,
  end: (signal: AbortSignal) => Promise<Final>,
): Promise<Final> {
  const stopped = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stopped.signal]) : stopped.signal;
  const reader = new LineReader(client, source, { ...options, signal });
  const ended = new AbortController();
  const ending = end(signal).finally(() => ended.abort());
  // Whoever fails first is told of by the await below.
  ending.catch(() => {});
  try {
    for (let pause = SHORTEST_PAUSE_MS; !ended.signal.aborted; ) {
      const some = await reader.drain();
      pause = some ? SHORTEST_PAUSE_MS : Math.min(pause * 1.5, LONGEST_PAUSE_MS);
      await sleep(pause, undefined, { signal: ended.signal }).catch(() => {});
    }
    const final = await ending;
    // It is final only when all its output is stored: one more look finds the rest.
    await reader.drain();
    return final;
  } finally {
    stopped.abort();
  }
}

export interface LineSource {
  /** A job's or a service's id. */
  resource: string;
  /** Instant of the first line that may be of interest. */
  from: string;
  type?: string;
  instance?: string;
}

class LineReader {
  readonly #client: Client;
  readonly #source: LineSource;
  readonly #options: FollowOptions;
  #startTime: string;
  /** Lines of the last page that had any: the next query begins with its last line, which is known already. */
  #seen = new Set<string>();

  constructor(client: Client, source: LineSource, options: FollowOptions) {
    this.#client = client;
    this.#source = source;
    this.#options = options;
    this.#startTime = source.from;
  }

  /** Hands on what is new. Returns whether there was any. */
  async drain(): Promise<boolean> {
    for (let some = false; ; ) {
      const page = await this.#nextPage();
      const fresh = page.logs.filter((line) => !this.#seen.has(line.id));
      for (const line of fresh) await this.#options.onLine(line);
      some ||= fresh.length > 0;
      if (page.logs.length > 0) this.#seen = new Set(page.logs.map((line) => line.id));
      if (!page.hasMore) {
        // A line with an earlier time than the query's end may still be on its way to the store, so the next query
        // begins at the last line and not where this one ended.
        this.#startTime = page.logs.at(-1)?.timestamp ?? this.#startTime;
        return some;
      }
      this.#startTime = page.nextStartTime;
    }
  }

  #nextPage() {
    const { resource, type, instance } = this.#source;
    return this.#client.call('list-logs', {
      query: {
        ownerId: this.#options.ownerId,
        resource: [resource],
        direction: 'forward',
        startTime: this.#startTime,
        limit: PAGE,
        ...(type ? { type: [type] } : {}),
        ...(instance ? { instance: [instance] } : {}),
      },
      retryForMs: PATIENCE_MS,
      ...(this.#options.signal ? { signal: this.#options.signal } : {}),
    });
  }
}
