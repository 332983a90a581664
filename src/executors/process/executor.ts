/**
 * Instances as plain processes of this machine, without isolation and without limits: for development on machines that
 * have no container runtime. Supervision, tickets and recovery are those of the local executor.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isShortage } from '../../shared/absence.ts';
import { crashPoint } from '../../shared/crash-points.ts';
import { type Executor, type InstanceSpec, type InstanceState, StartFailedError } from '../executor.ts';
import { ExitWatch } from '../exit-watch.ts';
import { InstanceFolders } from '../instance-folder.ts';
import { argumentsOf, findByEnvironment, signalProcess } from '../processes.ts';
import { shownInProject } from '../project-secrets.ts';
import { requiresBash, searchPath, shellText } from '../shell-input.ts';
import type { Plan } from './supervisor.ts';

const SUPERVISOR = fileURLToPath(new URL('./supervisor.ts', import.meta.url));
const TICKET_WAIT_MS = 15_000;
const DESTROY_WAIT_MS = 10_000;
const SIGNAL_WAIT_MS = 2000;

type Over = Extract<InstanceState, { state: 'exited' | 'lost' }>;

export class ProcessExecutor implements Executor {
  readonly name = 'process';
  readonly #folders: InstanceFolders;
  readonly #exits: ExitWatch<Over>;

  constructor(options: { dataDir: string }) {
    this.#folders = new InstanceFolders(options.dataDir);
    this.#exits = new ExitWatch(this.#folders.exitsFolder);
  }

  async start(spec: InstanceSpec): Promise<{ startedAt: string }> {
    const { id } = spec;
    this.#folders.create(id);
    const folder = this.#folders.folder(id);
    crashPoint('instance-folder-made');
    try {
      const hasBash = existsSync('/bin/bash');
      requiresBash(spec.environment, hasBash);
      const tree = await this.#project(spec);
      const plan: Plan = {
        command: shellText(spec.command),
        shell: hasBash ? '/bin/bash' : '/bin/sh',
        cwd: join(tree, spec.workingDirectory),
        environment: this.#environment(spec),
        ticketFile: this.#folders.ticketFile(id),
        logFile: spec.logFile,
        exitFile: this.#folders.exitFile(id),
      };
      writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan), { mode: 0o600 });
      crashPoint('instance-prepared');
      const child = spawn(process.execPath, [SUPERVISOR, folder], {
        detached: true,
        stdio: 'ignore',
        env: { PATH: process.env['PATH'] },
      });
      child.unref();
      crashPoint('supervisor-released');
      return { startedAt: await this.#ticketTime(id) };
    } catch (error) {
      if (!this.#folders.claim(id)) return { startedAt: await this.#ticketTime(id) };
      await this.destroy(id);
      if (isShortage(error)) throw error;
      throw new StartFailedError(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async wait(id: string, serverStop: AbortSignal): Promise<Over> {
    const ticket = this.#folders.ticket(id);
    const startedAt = ticket?.takenBy === 'instance' ? ticket.at : '';
    // One that was removed meanwhile will never say how it ended.
    const look = (): Over | undefined =>
      this.#folders.exists(id) ? this.#over(id) : { state: 'lost', startedAt };
    return this.#exits.wait(id, look, serverStop);
  }

  async inspect(id: string): Promise<InstanceState> {
    if (!this.#folders.exists(id)) return { state: 'absent' };
    const ticket = this.#folders.ticket(id);
    if (!ticket) return { state: 'unstarted' };
    if (ticket.takenBy === 'claim') return { state: 'claimed' };
    return this.#over(id) ?? { state: 'running', startedAt: ticket.at };
  }

  async claim(id: string): Promise<boolean> {
    return this.#folders.claim(id);
  }

  async signal(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    // Between its ticket and its command a supervisor has nothing to signal yet.
    const deadline = Date.now() + SIGNAL_WAIT_MS;
    while (this.#members(id).length === 0 && this.#supervisor(id).length > 0 && Date.now() < deadline) {
      await delay(5);
    }
    for (const pid of this.#members(id)) signalProcess(pid, signal);
  }

  async destroy(id: string): Promise<void> {
    const deadline = Date.now() + DESTROY_WAIT_MS;
    for (;;) {
      const left = [...this.#members(id), ...this.#supervisor(id)];
      if (left.length === 0) break;
      for (const pid of left) signalProcess(pid, 'SIGKILL');
      if (Date.now() > deadline) throw new Error(`instance ${id}: processes ${left.join(', ')} do not end`);
      await delay(2);
    }
    crashPoint('instance-half-removed');
    await this.#folders.remove(id);
  }

  async list(): Promise<string[]> {
    return this.#folders.list();
  }

  async shed(id: string): Promise<void> {
    await this.#folders.shed(id, ['home', 'tmp', 'project']);
  }

  folders(id: string): string[] {
    return [this.#folders.folder(id)];
  }

  /** Without limits there is none to change. */
  async limitCpu(): Promise<void> {}

  async usage(): Promise<undefined> {
    return undefined;
  }

  async giveTree(): Promise<void> {
    // Instances are this server's own user.
  }

  async close(): Promise<void> {
    this.#exits.close();
  }

  /** A build writes its tree; a job gets a copy of the artifact, which stays as it is. */
  async #project(spec: InstanceSpec): Promise<string> {
    const folder = this.#folders.folder(spec.id);
    for (const name of ['home', 'tmp', 'secrets', 'supervisor']) mkdirSync(join(folder, name));
    const tree = spec.project.kind === 'writable' ? spec.project.tree : join(folder, 'project');
    if (spec.project.kind === 'artifact') {
      await cp(spec.project.tree, tree, { recursive: true, verbatimSymlinks: true });
    } else {
      mkdirSync(spec.project.cache, { recursive: true });
    }
    for (const { name, content } of spec.secretFiles) {
      writeFileSync(join(folder, 'secrets', name), content.reveal(), { mode: 0o400 });
    }
    if (spec.project.kind === 'artifact') {
      for (const { name, content } of shownInProject(tree, spec.secretFiles)) {
        writeFileSync(join(tree, name), content.reveal(), { mode: 0o400 });
      }
    }
    return tree;
  }

  #environment(spec: InstanceSpec): Record<string, string> {
    const folder = this.#folders.folder(spec.id);
    const standard = process.env['PATH'] ?? '/usr/bin:/bin';
    const own = Object.entries(spec.environment).map(
      ([key, value]) =>
        [key, key === 'PATH' ? searchPath(value.reveal(), standard) : value.reveal()] as const,
    );
    return {
      PATH: standard,
      HOME: join(folder, 'home'),
      TMPDIR: join(folder, 'tmp'),
      LANG: 'C.UTF-8',
      ERRAND_INSTANCE_ID: spec.id,
      ...Object.fromEntries(own),
    };
  }

  #over(id: string): Over | undefined {
    const ticket = this.#folders.ticket(id);
    if (ticket?.takenBy !== 'instance') return undefined;
    for (const look of ['first', 'after the supervisor']) {
      const exit = this.#folders.exit(id);
      if (exit) return { state: 'exited', startedAt: ticket.at, exit: { ...exit, oomKilled: false } };
      if (look === 'first' && this.#supervisor(id).length > 0) return undefined;
    }
    return { state: 'lost', startedAt: ticket.at };
  }

  #supervisor(id: string): number[] {
    const pid = this.#folders.supervisorPid(id);
    return pid !== undefined && argumentsOf(pid)?.includes(this.#folders.folder(id)) ? [pid] : [];
  }

  /** All that descends from the command, whatever session it made for itself: told by the id in its environment. */
  #members(id: string): number[] {
    return findByEnvironment(`ERRAND_INSTANCE_ID=${id}`);
  }

  async #ticketTime(id: string): Promise<string> {
    const deadline = Date.now() + TICKET_WAIT_MS;
    for (;;) {
      const ticket = this.#folders.ticket(id);
      if (ticket?.takenBy === 'instance') return ticket.at;
      if (Date.now() > deadline) throw new Error('the supervisor took no ticket in time');
      await delay(5);
    }
  }
}
