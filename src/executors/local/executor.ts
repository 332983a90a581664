/**
 * Instances on this machine: OCI containers under conmon. The supervisor and the instance live outside the server's
 * process tree; the server finds them again by the instance's folder and cgroup.
 *
 * Nothing that is not Errand's own is signalled: processes are taken from the instance's cgroup, and a supervisor is
 * recognised by the bundle among its arguments, never by a remembered process id alone.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { crashPoint } from '../../shared/crash-points.ts';
import type { Executor, ExitStatus, InstanceSpec, InstanceState } from '../executor.ts';
import { StartFailedError } from '../executor.ts';
import { ExitWatch } from '../exit-watch.ts';
import { InstanceFolders } from '../instance-folder.ts';
import { argumentsOf, findByArgument, signalProcess } from '../processes.ts';
import { giveTree, makeInstanceFolders, writeBundle } from './bundle.ts';
import { type Cgroups, openCgroups } from './cgroups.ts';
import { type HostView, makeHostView } from './host-view.ts';
import {
  findProgram,
  isHybrid,
  launch,
  makeMountNamespace,
  type RuntimeChoice,
  run,
  writeWrapper,
} from './runtime.ts';
import type { HostFacts, InstancePaths } from './spec.ts';

/** The user of all instances: unprivileged, and no user of the host's own. */
const USER = { uid: 64_000, gid: 64_000 };
const CGROUP_GROUP = 'errand';
/** How long the first process may take to its ticket after the runtime reported it started. */
const TICKET_WAIT_MS = 10_000;
const DESTROY_WAIT_MS = 10_000;
const TMPFS_MAGIC = 0x01021994;

export interface LocalExecutorOptions {
  dataDir: string;
  network: 'host' | 'none';
}

/** The local executor cannot work on this host; the message says what to install or which flag to use. */
export class LocalExecutorUnavailable extends Error {}

type Over = Extract<InstanceState, { state: 'exited' | 'lost' }>;

/** Finds a pair of supervisor and runtime that works here, by trying it once. @throws LocalExecutorUnavailable */
export async function openLocalExecutor(options: LocalExecutorOptions): Promise<LocalExecutor> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw unavailable('it needs Linux and root');
  }
  const conmon = findProgram('conmon');
  const init = findProgram('tini') ?? findProgram('catatonit');
  const runtimes = (['crun', 'runc'] as const).flatMap((name) => {
    const path = findProgram(name);
    return path ? [{ name, path }] : [];
  });
  if (!conmon || !init || runtimes.length === 0) {
    const missing = [
      conmon ? [] : 'conmon',
      init ? [] : 'tini',
      runtimes.length > 0 ? [] : 'crun (or runc)',
    ].flat();
    throw unavailable(`not found: ${missing.join(', ')}`);
  }
  const failures: string[] = [];
  for (const choice of candidates(runtimes, runtimeFolder(options.dataDir))) {
    try {
      const executor = new LocalExecutor({ ...options, conmon, init, choice: choice() });
      await tryOnce(executor, options.dataDir);
      return executor;
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw unavailable(`no runtime works on this host (${[...new Set(failures)].join('; ')})`);
}

const unavailable = (why: string): LocalExecutorUnavailable =>
  new LocalExecutorUnavailable(
    `the local executor cannot run: ${why}. On Debian or Ubuntu: apt-get install crun conmon tini util-linux. ` +
      'For development without isolation: errand serve --executor process',
  );

/** Ways to run, best first; each makes what it needs only when its turn comes. */
function candidates(
  runtimes: { name: 'crun' | 'runc'; path: string }[],
  folder: string,
): (() => RuntimeChoice)[] {
  return runtimes.flatMap(({ name, path }): (() => RuntimeChoice)[] => {
    if (name === 'runc') return [() => ({ name, path, joinsCgroup: false, userNamespace: false })];
    return [true, false].flatMap((userNamespace) => {
      const plain = (): RuntimeChoice => ({ name, path, joinsCgroup: true, userNamespace });
      const namespaced = (): RuntimeChoice => ({
        ...plain(),
        mountNamespace: makeMountNamespace(join(folder, 'namespace')),
      });
      return isHybrid() ? [namespaced, plain] : [plain];
    });
  });
}

/** Bundles hold secrets: in memory where the host has a place for that, else in the (private) data folder. */
function runtimeFolder(dataDir: string): string {
  const name = `errand-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`;
  const inMemory = ['/run', '/dev/shm'].find(
    (path) => existsSync(path) && statfsSync(path).type === TMPFS_MAGIC,
  );
  const folder = inMemory ? join(inMemory, name) : join(dataDir, 'runtime');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** A whole small life: what fails here would fail for every job. */
async function tryOnce(executor: LocalExecutor, dataDir: string): Promise<void> {
  const id = `try-${randomBytes(8).toString('hex')}`;
  const folder = join(dataDir, 'try', id);
  mkdirSync(join(folder, 'tree', 'folder'), { recursive: true });
  giveTree(join(folder, 'tree'), USER);
  const abort = AbortSignal.timeout(15_000);
  try {
    await executor.start({
      id,
      // Removing a folder of the artifact is what half-working overlays fail at.
      command: 'rmdir folder && exit 7',
      environment: {},
      secretFiles: [],
      project: { kind: 'artifact', tree: join(folder, 'tree') },
      workingDirectory: '',
      limits: { memoryBytes: 64 * 2 ** 20, cpuMillis: 1000, pids: 64 },
      logFile: join(folder, 'log'),
    });
    const end = await executor.wait(id, abort);
    if (end.state !== 'exited' || end.exit.exitCode !== 7) {
      throw new Error(`a trial instance ended as ${JSON.stringify(end)} instead of exit code 7`);
    }
  } finally {
    await executor.destroy(id);
    await rm(folder, { recursive: true, force: true });
  }
}

export class LocalExecutor implements Executor {
  readonly name = 'local';
  /** The runtime that was chosen, for the log. */
  readonly runtime: string;
  readonly #folders: InstanceFolders;
  readonly #exits: ExitWatch<Over>;
  readonly #cgroups: Cgroups;
  readonly #view: HostView;
  readonly #choice: RuntimeChoice;
  readonly #conmon: string;
  readonly #wrapper: string;
  readonly #runFolder: string;
  readonly #stateFolder: string;
  readonly #facts: Omit<HostFacts, 'cgroupMounts' | 'runtimeCgroup'>;

  constructor(options: LocalExecutorOptions & { conmon: string; init: string; choice: RuntimeChoice }) {
    this.#choice = options.choice;
    this.#conmon = options.conmon;
    const { name, mountNamespace, userNamespace } = options.choice;
    this.runtime = `${name}${mountNamespace ? ', hybrid cgroups' : ''}${userNamespace ? ', user namespaces' : ''}`;
    this.#folders = new InstanceFolders(options.dataDir);
    this.#cgroups = openCgroups(CGROUP_GROUP);
    this.#runFolder = runtimeFolder(options.dataDir);
    this.#stateFolder = join(this.#runFolder, 'state');
    mkdirSync(join(this.#runFolder, 'bundles'), { recursive: true, mode: 0o700 });
    mkdirSync(this.#stateFolder, { recursive: true, mode: 0o700 });
    this.#view = makeHostView(
      this.#runFolder,
      USER,
      this.#cgroups.mounts('x').map(({ destination }) => destination),
    );
    this.#facts = {
      ...USER,
      toolchains: this.#view.toolchains,
      liveEtc: this.#view.liveEtc,
      hasBash: existsSync('/bin/bash'),
      init: options.init,
      network: options.network,
      userNamespace: options.choice.userNamespace,
    };
    this.#wrapper = join(this.#runFolder, `${options.choice.name}-wrapper`);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the wrapper's shell fills it in
    writeWrapper(this.#wrapper, options.choice, this.#cgroups.joinFiles('${id}'));
    this.#exits = new ExitWatch(this.#folders.exitsFolder);
  }

  async start(spec: InstanceSpec): Promise<{ startedAt: string }> {
    const { id } = spec;
    // Throws when there is such an instance already: the second of the locks against a second start.
    this.#folders.create(id);
    crashPoint('instance-folder-made');
    try {
      this.#prepare(spec);
      crashPoint('instance-prepared');
      await launch(this.#conmon, this.#wrapper, {
        id,
        bundle: this.#bundle(id),
        stateFolder: this.#stateFolder,
        supervisorPidFile: this.#folders.supervisorPidFile(id),
        pidFile: join(this.#folders.folder(id), 'pid'),
        exitsFolder: this.#folders.exitsFolder,
        logFile: spec.logFile,
      });
      return { startedAt: await this.#ticketTime(id) };
    } catch (error) {
      // Whoever takes the ticket decides. If it is ours now, the command never ran.
      if (!this.#folders.claim(id)) return { startedAt: await this.#ticketTime(id) };
      await this.destroy(id);
      throw new StartFailedError(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async wait(id: string, serverStop: AbortSignal): Promise<Over> {
    return this.#exits.wait(id, () => this.#over(id), serverStop);
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
    const members = this.#cgroups.members(id);
    for (const pid of members) {
      // The reaper passes SIGTERM on to the command, which would get it twice.
      if (signal === 'SIGTERM' && members.length > 1 && this.#isReaper(pid)) continue;
      signalProcess(pid, signal);
    }
  }

  async destroy(id: string): Promise<void> {
    const deadline = Date.now() + DESTROY_WAIT_MS;
    for (;;) {
      const left = [...this.#cgroups.members(id), ...this.#supervisors(id)];
      if (left.length === 0) break;
      for (const pid of left) signalProcess(pid, 'SIGKILL');
      if (Date.now() > deadline) throw new Error(`instance ${id}: processes ${left.join(', ')} do not end`);
      await delay(2);
    }
    if (!this.#choice.joinsCgroup && existsSync(join(this.#stateFolder, id))) {
      run(this.#choice.path, ['--root', this.#stateFolder, 'delete', '--force', id]);
    }
    rmSync(join(this.#stateFolder, id), { recursive: true, force: true });
    await this.#cgroups.remove(id);
    crashPoint('instance-half-removed');
    rmSync(this.#bundle(id), { recursive: true, force: true });
    await this.#folders.remove(id);
  }

  async list(): Promise<string[]> {
    const bundles = await readdir(join(this.#runFolder, 'bundles'));
    return [...new Set([...(await this.#folders.list()), ...bundles])];
  }

  async usage(id: string): Promise<{ memoryBytes: number; cpuSeconds: number } | undefined> {
    return this.#cgroups.usage(id);
  }

  async close(): Promise<void> {
    this.#exits.close();
  }

  #prepare(spec: InstanceSpec): void {
    const paths = this.#paths(spec.id);
    makeInstanceFolders(this.#folders.folder(spec.id), paths, USER);
    if (spec.project.kind === 'writable') {
      giveTree(spec.project.tree, USER);
      giveTree(spec.project.cache, USER);
    }
    this.#cgroups.create(spec.id, spec.limits);
    writeBundle(this.#bundle(spec.id), spec, paths, {
      ...this.#facts,
      cgroupMounts: this.#choice.joinsCgroup ? this.#cgroups.mounts(spec.id) : [],
      ...(this.#choice.joinsCgroup ? {} : { runtimeCgroup: `/${CGROUP_GROUP}/${spec.id}` }),
    });
  }

  #paths(id: string): InstancePaths {
    const folder = this.#folders.folder(id);
    return {
      rootfs: this.#view.rootfs,
      etc: this.#view.etc,
      ticket: this.#folders.ticketFolder(id),
      home: join(folder, 'home'),
      tmp: join(folder, 'tmp'),
      upper: join(folder, 'upper'),
      work: join(folder, 'work'),
      secrets: join(this.#bundle(id), 'secrets'),
      commandFile: join(this.#bundle(id), 'command'),
    };
  }

  #bundle(id: string): string {
    return join(this.#runFolder, 'bundles', id);
  }

  /** How it ended, if it has: asked of the disk in an order in which an end in between is not missed. */
  #over(id: string): Over | undefined {
    const ticket = this.#folders.ticket(id);
    if (ticket?.takenBy !== 'instance') return undefined;
    const recorded = this.#exit(id);
    if (recorded) return { state: 'exited', startedAt: ticket.at, exit: recorded };
    if (this.#supervisorLives(id)) return undefined;
    // The supervisor writes the record just before it ends: look once more.
    const late = this.#exit(id);
    if (late) return { state: 'exited', startedAt: ticket.at, exit: late };
    return { state: 'lost', startedAt: ticket.at };
  }

  #exit(id: string): ExitStatus | undefined {
    const recorded = this.#folders.exit(id);
    return recorded && { ...recorded, oomKilled: this.#cgroups.oomKills(id) > 0 };
  }

  #supervisorLives(id: string): boolean {
    const pid = this.#folders.supervisorPid(id);
    return pid !== undefined && (argumentsOf(pid)?.includes(this.#bundle(id)) ?? false);
  }

  /** Live processes that make or supervise the instance. */
  #supervisors(id: string): number[] {
    if (this.#supervisorLives(id)) return [this.#folders.supervisorPid(id)!];
    // An ended instance needs no search; only one that was interrupted while it was made can have others.
    return this.#folders.exit(id) ? [] : findByArgument(this.#bundle(id));
  }

  /** The ticket follows the runtime's report within an instant. @throws when the first process ended without it */
  async #ticketTime(id: string): Promise<string> {
    const deadline = Date.now() + TICKET_WAIT_MS;
    for (let pause = 0; ; pause = Math.min(pause + 1, 20)) {
      const ticket = this.#folders.ticket(id);
      if (ticket?.takenBy === 'instance') return ticket.at;
      if (this.#folders.exit(id))
        throw new Error('the first process of the instance could not take its ticket');
      if (Date.now() > deadline) throw new Error('the first process of the instance took no ticket in time');
      await delay(pause);
    }
  }

  #isReaper(pid: number): boolean {
    return argumentsOf(pid)?.[0] === this.#facts.init;
  }
}
