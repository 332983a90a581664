/**
 * Creates the jobs of a run over HTTP while the server comes and goes, cancels those that are to be canceled, and keeps
 * what was answered.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from './random.ts';
import { type ServerProcess, Unanswered } from './server-process.ts';
import type { Truth } from './truth.ts';
import { makeTask, type Task } from './workload.ts';

export interface Submitted {
  task: Task;
  command: string;
  /** Whether the creation was answered with 201: from then on it must exist. */
  wasAnswered: boolean;
  jobId?: string;
  cancel: 'none' | 'accepted' | 'refused' | 'unanswered';
}

export interface ShownJob {
  id: string;
  status: string;
  exitCode?: number;
  startCommand: string;
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
  reason?: {
    diskFull?: string;
    timedOutSeconds?: number;
    lost?: string;
    startFailed?: string;
    nonZeroExit?: number;
  };
}

export class Jobs {
  readonly submitted: Submitted[] = [];
  readonly #server: ServerProcess;
  readonly #truth: Truth;
  readonly #serviceId: string;
  readonly #random: Random;
  readonly #cancels: Promise<void>[] = [];

  constructor(server: ServerProcess, truth: Truth, serviceId: string, random: Random) {
    this.#server = server;
    this.#truth = truth;
    this.#serviceId = serviceId;
    this.#random = random;
  }

  /** Creates the next job; one request, whose answer may be lost. @param change of the task that the seed made */
  async submit(change: (task: Task) => Task = (task) => task): Promise<Submitted> {
    const task = change(makeTask(this.submitted.length + 1, this.#random));
    const one: Submitted = {
      task,
      command: this.#truth.preamble(task.number) + task.script,
      wasAnswered: false,
      cancel: 'none',
    };
    this.submitted.push(one);
    const created = await this.#create(one);
    if (created) Object.assign(one, { jobId: created.id, wasAnswered: true });
    if (one.jobId && task.cancelAfterMs !== undefined)
      this.#cancels.push(this.#cancel(one, task.cancelAfterMs));
    return one;
  }

  /** @returns undefined when the answer was lost: the job may exist or not */
  async #create({ task, command }: Submitted): Promise<ShownJob | undefined> {
    for (;;) {
      try {
        const answer = await this.#server.call<ShownJob>('POST', `/services/${this.#serviceId}/jobs`, {
          startCommand: command,
          ...(task.timeoutSeconds ? { timeoutSeconds: task.timeoutSeconds } : {}),
        });
        if (answer.status === 201) return answer.body;
        throw new Error(`a creation was answered ${answer.status} ${JSON.stringify(answer.body)}`);
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        if (!error.wasRefused) return undefined;
        await delay(20);
      }
    }
  }

  /** Gives the jobs whose creation was not answered the id under which they exist, if they do, and cancels them too. */
  async findUnanswered(): Promise<void> {
    const missing = this.submitted.filter(({ jobId }) => jobId === undefined);
    if (missing.length === 0) return;
    const byCommand = new Map((await this.all()).map((job) => [job.startCommand, job.id]));
    for (const one of missing) {
      const id = byCommand.get(one.command);
      if (id === undefined) continue;
      one.jobId = id;
      if (one.task.cancelAfterMs !== undefined) this.#cancels.push(this.#cancel(one, 0));
    }
  }

  /** Every job of the service that the server knows. */
  async all(): Promise<ShownJob[]> {
    const found: ShownJob[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await this.#server.insist<{ job: ShownJob; cursor: string }[]>(
        'GET',
        `/services/${this.#serviceId}/jobs?limit=100${cursor}`,
      );
      found.push(...body.map(({ job }) => job));
      if (body.length < 100) return found;
      cursor = `&cursor=${encodeURIComponent(body.at(-1)!.cursor)}`;
    }
  }

  async cancelsDone(): Promise<void> {
    await Promise.all(this.#cancels);
  }

  async #cancel(one: Submitted, afterMs: number): Promise<void> {
    await delay(afterMs);
    const path = `/services/${this.#serviceId}/jobs/${one.jobId}/cancel`;
    for (;;) {
      try {
        const { status } = await this.#server.call('POST', path);
        // After a request whose answer was lost, a refusal may mean that the lost one took effect.
        if (status === 200) one.cancel = 'accepted';
        else if (one.cancel === 'none') one.cancel = 'refused';
        return;
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        one.cancel = 'unanswered';
        await delay(50);
      }
    }
  }
}
