/**
 * Instances on this machine: OCI containers under conmon. The supervisor and the instance live outside the server's
 * process tree; the server finds them again by the instance's folder and cgroup.
 *
 * Nothing that is not Errand's own is signalled: processes are taken from the instance's cgroup, and a supervisor is
 * recognised by the bundle among its arguments, never by a remembered process id alone.
 */

import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { crashPoint } from '../../shared/crash-points.ts';
import type { Executor, ExitStatus, InstanceSpec, InstanceState } from '../executor.ts';
import { StartFailedError } from '../executor.ts';
import { ExitWatch } from '../exit-watch.ts';
import { InstanceFolders, readExit } from '../instance-folder.ts';
import { argumentsOf, findByArgument, pidInside, signalProcess } from '../processes.ts';
import { shownInProject } from '../project-secrets.ts';
import { giveTree, makeInstanceFolders, writeBundle } from './bundle.ts';
import { type Cgroups, openCgroups } from './cgroups.ts';
import { type HostView, makeHostView } from './host-view.ts';
import {
  type RuntimeChoice,
  removeMountNamespace,
  run,
  type Supervisor,
  startSupervisor,
  writeWrapper,
} from './runtime.ts';
import type { HostFacts, InstancePaths } from './spec.ts';
import { newSupervisorName, Standbys } from './standbys.ts';

/** The user of all instances: unprivileged, and no user of the host's own. */
export const USER = { uid: 64_000, gid: 64_000 };
const CGROUP_GROUP = 'errand';
/** How long a supervisor that was let go and the first process may take to the ticket. */
const TICKET_WAIT_MS = 10_000;
/** An instance is made in about 10 ms: until then the ticket is looked for at short intervals. */
const SOON_MS = 50;
const DESTROY_WAIT_MS = 10_000;
/** How long the first process may be alone before the command is there to be signalled. */
const COMMAND_WAIT_MS = 2000;
/** In a bundle: leads to the folder of the instance's ticket. */
const TICKET_LINK = 'ticket';
/** Begins the ids of instances that only show whether instances can be made. */
export const TRIAL_PREFIX = 'try-';
const TMPFS_MAGIC = 0x01021994;

export interface LocalExecutorOptions {
  dataDir: string;
  network: 'host' | 'none';
}

type Over = Extract<InstanceState, { state: 'exited' | 'lost' }>;

/** Bundles hold secrets: in memory where the host has a place for that, else in the (private) data folder. */
export function runtimeFolder(dataDir: string): string {
  const name = `errand-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`;
  const inMemory = ['/run', '/dev/shm'].find(
    (path) => existsSync(path) && statfsSync(path).type === TMPFS_MAGIC,
  );
  const folder = inMemory ? join(inMemory, name) : join(dataDir, 'runtime');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Everybody may make folders in some of these places.
  const found = lstatSync(folder);
  if (found.uid !== process.getuid?.() || !found.isDirectory()) {
    throw new Error(`${folder} belongs to another user: remove it`);
  }
  chmodSync(folder, 0o700);
  return folder;
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
  readonly #standbys: Standbys;

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
    // The wrapper's shell fills it in.
    const id = '$'.concat('{id}');
    writeWrapper(
      this.#wrapper,
      options.choice,
      this.#cgroups.joinFiles(id),
      join(this.#bundle(id), TICKET_LINK),
    );
    this.#exits = new ExitWatch(this.#folders.exitsFolder);
    this.#standbys = new Standbys(
      options.dataDir,
      (folder, logFile) => this.#startSupervisor(basename(folder), folder, logFile),
      (folder) => this.#removeEngine(basename(folder), folder),
    );
  }

  /** Removes what a server that is gone kept ready, and makes this one's own. */
  async open(): Promise<void> {
    for (const { name, folder } of this.#standbys.leftOver()) await this.#removeEngine(name, folder);
    const trials = (await this.list()).filter((id) => id.startsWith(TRIAL_PREFIX));
    for (const id of trials) await this.destroy(id);
    this.#standbys.refill();
  }

  async start(spec: InstanceSpec): Promise<{ startedAt: string }> {
    const { id } = spec;
    // Throws when there is such an instance already: the second of the locks against a second start.
    this.#folders.create(id);
    crashPoint('instance-folder-made');
    try {
      if (spec.project.kind === 'writable') {
        await giveTree(spec.project.tree, USER);
        await giveTree(spec.project.cache, USER);
      }
      const supervisor = this.#prepare(spec);
      crashPoint('instance-prepared');
      supervisor.go();
      try {
        return { startedAt: await this.#ticketTime(id, supervisor) };
      } finally {
        supervisor.release();
        this.#standbys.refillSoon();
      }
    } catch (error) {
      // Whoever takes the ticket decides. If it is ours now, the command never ran.
      if (!this.#folders.claim(id)) return { startedAt: await this.#ticketTime(id) };
      await this.destroy(id);
      throw new StartFailedError(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async wait(id: string, serverStop: AbortSignal): Promise<Over> {
    const ticket = this.#folders.ticket(id);
    const startedAt = ticket?.takenBy === 'instance' ? ticket.at : '';
    // One that was removed meanwhile will never say how it ended.
    const look = (): Over | undefined =>
      this.#folders.exists(id) ? this.#over(id) : { state: 'lost', startedAt };
    return this.#exits.wait(this.#folders.engineName(id), look, serverStop);
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
    const name = this.#folders.engineName(id);
    if (signal === 'SIGKILL') {
      for (const pid of this.#cgroups.members(name)) signalProcess(pid, signal);
      return;
    }
    // Not the first process: the kernel keeps SIGTERM from it until it is the reaper, and a reaper passes it on to the
    // command, which would get it twice. So one that is alone is about to start the command.
    const deadline = Date.now() + COMMAND_WAIT_MS;
    for (;;) {
      const members = this.#cgroups.members(name);
      const commands = members.filter((pid) => (pidInside(pid) ?? 1) !== 1);
      for (const pid of commands) signalProcess(pid, signal);
      if (commands.length > 0 || members.length === 0 || Date.now() > deadline) return;
      await delay(2);
    }
  }

  async destroy(id: string): Promise<void> {
    await this.#removeEngine(this.#folders.engineName(id));
    crashPoint('instance-half-removed');
    await this.#folders.remove(id);
  }

  async list(): Promise<string[]> {
    return this.#folders.list();
  }

  async usage(id: string): Promise<{ memoryBytes: number; cpuSeconds: number } | undefined> {
    return this.#cgroups.usage(this.#folders.engineName(id));
  }

  async close(): Promise<void> {
    this.#exits.close();
    await this.#standbys.close();
    // What runs on needs its bundle; without any, nothing of this server stays on the host.
    if ((await this.list()).length > 0) return;
    if (this.#choice.mountNamespace) removeMountNamespace(this.#choice.mountNamespace);
    rmSync(this.#runFolder, { recursive: true, force: true });
    this.#cgroups.close();
  }

  /** Writes everything that the instance consists of, around a supervisor that waits. */
  #prepare(spec: InstanceSpec): Supervisor {
    const supervisor = this.#takeSupervisor(spec);
    const { name } = supervisor;
    const paths = this.#paths(spec, name);
    const ticketFolder = this.#folders.ticketFolder(spec.id);
    makeInstanceFolders(this.#folders.folder(spec.id), paths, ticketFolder, USER);
    // A supervisor that was ready before its job knows its bundle only.
    symlinkSync(ticketFolder, join(this.#bundle(name), TICKET_LINK));
    this.#cgroups.limit(name, spec.limits);
    writeBundle(this.#bundle(name), spec, paths, {
      ...this.#facts,
      cgroupMounts: this.#choice.joinsCgroup ? this.#cgroups.mounts(name) : [],
      ...(this.#choice.joinsCgroup ? {} : { runtimeCgroup: `/${CGROUP_GROUP}/${name}` }),
    });
    return supervisor;
  }

  /** One that was kept ready becomes this instance's by one rename; otherwise a new one is started in its place. */
  #takeSupervisor({ id, logFile }: InstanceSpec): Supervisor {
    const folder = this.#folders.supervisorFolder(id);
    // A log that has lines already is continued, so its supervisor must be told of it from the first.
    const standby = existsSync(logFile) ? undefined : this.#standbys.take();
    if (standby) {
      renameSync(standby.folder, folder);
      linkSync(join(folder, 'log'), logFile);
      return standby.supervisor;
    }
    mkdirSync(folder);
    return this.#startSupervisor(newSupervisorName(), folder, logFile);
  }

  #startSupervisor(name: string, folder: string, logFile: string): Supervisor {
    writeFileSync(join(folder, 'name'), name);
    this.#cgroups.create(name);
    mkdirSync(this.#bundle(name), { mode: 0o700 });
    return startSupervisor(this.#conmon, this.#wrapper, {
      name,
      bundle: this.#bundle(name),
      stateFolder: this.#stateFolder,
      supervisorPidFile: join(folder, 'supervisor.pid'),
      exitsFolder: this.#folders.exitsFolder,
      logFile,
    });
  }

  /** Ends a supervisor and its processes, and removes what it made. @param folder where it waited, if it still does */
  async #removeEngine(name: string, folder?: string): Promise<void> {
    const deadline = Date.now() + DESTROY_WAIT_MS;
    for (;;) {
      const left = [...this.#cgroups.members(name), ...this.#supervisors(name)];
      if (left.length === 0) break;
      for (const pid of left) signalProcess(pid, 'SIGKILL');
      if (Date.now() > deadline) throw new Error(`${name}: processes ${left.join(', ')} do not end`);
      await delay(2);
    }
    if (!this.#choice.joinsCgroup && existsSync(join(this.#stateFolder, name))) {
      run(this.#choice.path, ['--root', this.#stateFolder, 'delete', '--force', name]);
    }
    rmSync(join(this.#stateFolder, name), { recursive: true, force: true });
    await this.#cgroups.remove(name);
    rmSync(this.#bundle(name), { recursive: true, force: true });
    if (folder) rmSync(folder, { recursive: true, force: true });
  }

  #paths({ id, project, secretFiles }: InstanceSpec, name: string): InstancePaths {
    const folder = this.#folders.folder(id);
    return {
      rootfs: this.#view.rootfs,
      etc: this.#view.etc,
      home: join(folder, 'home'),
      tmp: join(folder, 'tmp'),
      upper: join(folder, 'upper'),
      work: join(folder, 'work'),
      secrets: join(this.#bundle(name), 'secrets'),
      projectSecrets: shownInProject(project.tree, secretFiles).map((file) => file.name),
      commandFile: join(this.#bundle(name), 'command'),
    };
  }

  #bundle(name: string): string {
    return join(this.#runFolder, 'bundles', name);
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
    const name = this.#folders.engineName(id);
    const recorded = this.#folders.exit(id) ?? readExit(join(this.#bundle(name), 'exit'));
    return recorded && { ...recorded, oomKilled: this.#cgroups.oomKills(name) > 0 };
  }

  #supervisorLives(id: string): boolean {
    const pid = this.#folders.supervisorPid(id);
    const bundle = this.#bundle(this.#folders.engineName(id));
    return pid !== undefined && (argumentsOf(pid)?.includes(bundle) ?? false);
  }

  /** Live processes that make or supervise an instance of that name, which is told by the bundle they were given. */
  #supervisors(name: string): number[] {
    // One that recorded an exit is gone or about to be; only an interrupted one can have left others.
    if (existsSync(join(this.#folders.exitsFolder, name))) return [];
    return existsSync(this.#bundle(name)) ? findByArgument(this.#bundle(name)) : [];
  }

  /** When the ticket was taken. @throws when there will be no first process that takes it, or it ended without it */
  async #ticketTime(id: string, supervisor?: Supervisor): Promise<string> {
    const began = Date.now();
    for (;;) {
      const failure = supervisor?.failure();
      const ended = this.#folders.exit(id) !== undefined;
      // Looked for after those: it may have been taken in between.
      const ticket = this.#folders.ticket(id);
      if (ticket?.takenBy === 'instance') return ticket.at;
      if (failure !== undefined) throw new Error(failure);
      if (ended) throw new Error('the first process of the instance could not take its ticket');
      const waited = Date.now() - began;
      if (waited > TICKET_WAIT_MS)
        throw new Error('the first process of the instance took no ticket in time');
      await delay(waited < SOON_MS ? 1 : 20);
    }
  }
}
