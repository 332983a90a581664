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
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isShortage } from '../../shared/absence.ts';
import { crashPoint } from '../../shared/crash-points.ts';
import { mountOf } from '../../shared/mount-table.ts';
import type { Secret } from '../../shared/secret.ts';
import type { Executor, ExitStatus, InstanceSpec, InstanceState } from '../executor.ts';
import { StartFailedError } from '../executor.ts';
import { ExitWatch } from '../exit-watch.ts';
import { InstanceFolders, readExit } from '../instance-folder.ts';
import { pidInside, signalProcess } from '../processes.ts';
import { giveTree, WRITTEN, writeOrders } from './bundle.ts';
import type { Cgroups } from './cgroups.ts';
import { Engines } from './engines.ts';
import { HostView } from './host-view.ts';
import { limitsForInstances } from './inherited-limits.ts';
import type { JobsPlace } from './jobs-place.ts';
import { Launcher, type Supervisor } from './launcher.ts';
import { guardPort } from './port-guard.ts';
import { type RuntimeChoice, UNIFIED_BESIDE_CONTROLLERS, writeWrapper } from './runtime.ts';
import { type SharedSpec, sharedOf } from './spec.ts';
import { LOG, newSupervisorName, type Standby, Standbys } from './standbys.ts';
import { Words } from './words.ts';

/** The user of all instances: unprivileged, and no user of the host's own. */
export const USER = { uid: 64_000, gid: 64_000 };
/** How long a supervisor that was let go and the first process may take to the ticket: long on a host under load. */
const TICKET_WAIT_MS = 60_000;
/** An instance is made in about 10 ms: until then the ticket is looked for at short intervals. */
const SOON_MS = 50;
/** How long the first process may be alone before the command is there to be signalled. */
const COMMAND_WAIT_MS = 2000;
/** In a standby's folder: the folder of its ticket. */
const TICKET = 'ticket';
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
  readonly #place: JobsPlace;
  readonly #runFolder: string;
  readonly #view: HostView;
  readonly #engines: Engines;
  readonly #words: Words;
  readonly #launcher: Launcher;
  readonly #standbys: Standbys;
  #endPortGuard: (() => void) | undefined;

  constructor(
    options: LocalExecutorOptions & { conmon: string; init: string; choice: RuntimeChoice; place: JobsPlace },
  ) {
    const { name, userNamespace } = options.choice;
    this.#place = options.place;
    this.#cgroups = options.place.cgroups;
    this.runtime = [
      name,
      ...(userNamespace ? ['user namespaces'] : []),
      `cgroups v${this.#cgroups.version} in ${options.place.name}`,
    ].join(', ');
    this.#folders = new InstanceFolders(options.dataDir);
    this.#runFolder = runtimeFolder(options.dataDir);
    const folders = {
      bundlesFolder: join(this.#runFolder, 'bundles'),
      stateFolder: join(this.#runFolder, 'state'),
    };
    for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const mountPoints = this.#cgroups.mounts('x').map(({ destination }) => destination);
    this.#view = new HostView(this.#runFolder, USER, mountPoints, join(this.#runFolder, 'bare'));
    this.#engines = new Engines({
      ...folders,
      exitsFolder: this.#folders.exitsFolder,
      cgroups: this.#cgroups,
      view: this.#view,
      facts: {
        ...USER,
        hasBash: existsSync('/bin/bash'),
        ...limitsForInstances(),
        init: options.init,
        network: options.network,
        userNamespace: options.choice.userNamespace,
      },
      choice: options.choice,
      user: USER,
    });
    const wrapper = join(this.#runFolder, `${options.choice.name}-wrapper`);
    // The wrapper's shell fills it in.
    writeWrapper(wrapper, options.choice, this.#cgroups.joinFiles('$'.concat('{id}')));
    this.#exits = new ExitWatch(this.#folders.exitsFolder);
    this.#words = new Words(join(this.#runFolder, 'words'));
    this.#launcher = new Launcher(
      {
        ...folders,
        conmon: options.conmon,
        wrapper,
        exitsFolder: this.#folders.exitsFolder,
        words: join(this.#runFolder, 'launcher-words'),
        joinFiles: options.place.supervisorJoinFiles,
        hiddenMounts: options.choice.hidesUnified ? [UNIFIED_BESIDE_CONTROLLERS] : [],
        madeExecutable: mountOf(options.dataDir)?.options.includes('noexec') ? [options.dataDir] : [],
        bareViews: this.#view.bareViews,
      },
      this.#words,
    );
    this.#standbys = new Standbys(options.dataDir, {
      start: (folder) => this.#startStandby(folder),
      make: (standby, shared) => this.#engines.make(standby, shared),
      isAlive: ({ folder, supervisor }) =>
        this.#engines.lives(join(folder, 'supervisor.pid'), supervisor.name) ?? false,
      discard: async ({ folder, supervisor }) => {
        await supervisor.launched;
        await this.#engines.remove(supervisor.name, folder);
        // Until it was gone it might have listened.
        supervisor.release();
      },
      remove: (folder) => this.#engines.remove(basename(folder), folder),
    });
  }

  /** Removes what a server that is gone kept ready, and makes this one's own. */
  async open(): Promise<void> {
    for (const folder of this.#standbys.leftOver()) await this.#engines.remove(basename(folder), folder);
    const trials = (await this.list()).filter((id) => id.startsWith(TRIAL_PREFIX));
    for (const id of trials) await this.destroy(id);
    this.#standbys.open();
  }

  async start(spec: InstanceSpec): Promise<{ startedAt: string }> {
    const { id } = spec;
    // Throws when there is such an instance already: the second of the locks against a second start.
    this.#folders.create(id);
    crashPoint('instance-folder-made');
    let supervisor: Supervisor | undefined;
    try {
      if (spec.project.kind === 'writable') {
        await giveTree(spec.project.tree, USER);
        await giveTree(spec.project.cache, USER);
      }
      // Only what nobody writes to can be shared in advance.
      const shared = sharedOf(spec);
      const host = this.#view.refresh();
      const key = spec.project.kind === 'artifact' ? contentKey(shared, host) : undefined;
      const standby = this.#takeStandby(spec, key);
      supervisor = standby.supervisor;
      // All of the instance that is not made yet, around a supervisor that waits.
      if (standby.key === undefined) this.#engines.make(standby, shared);
      writeOrders(this.#engines.ordersFolder(supervisor.name), spec, USER);
      if (key) this.#standbys.noteUse(key, shared);
      crashPoint('instance-prepared');
      supervisor.say('go');
      return { startedAt: await this.#ticketTime(id, supervisor) };
    } catch (error) {
      // Whoever takes the ticket decides. If it is ours now, the command never ran.
      if (!this.#folders.claim(id)) return { startedAt: await this.#ticketTime(id) };
      // One that is about to appear would be missed by whoever ends it.
      await supervisor?.launched;
      await this.destroy(id);
      // Neither says anything of the job.
      if (error instanceof LauncherEndedError || isShortage(error)) throw error;
      throw new StartFailedError(error instanceof Error ? error.message : String(error), { cause: error });
    } finally {
      supervisor?.release();
      this.#standbys.refillSoon();
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
    if (signal === 'SIGKILL') return this.#cgroups.kill(name);
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
    await this.#engines.remove(this.#folders.engineName(id));
    crashPoint('instance-half-removed');
    await this.#folders.remove(id);
  }

  async giveTree(tree: string): Promise<void> {
    await giveTree(tree, USER);
  }

  async list(): Promise<string[]> {
    return this.#folders.list();
  }

  async shed(id: string): Promise<void> {
    await this.#folders.shed(
      id,
      WRITTEN.map((name) => join('supervisor', name)),
    );
  }

  folders(id: string): string[] {
    // Not all of its folder: the log has a second name in it, and a limit of its own.
    return WRITTEN.map((name) => join(this.#folders.supervisorFolder(id), name));
  }

  async limitCpu(id: string, cpuMillis: number): Promise<void> {
    this.#cgroups.limitCpu(this.#folders.engineName(id), cpuMillis);
  }

  async usage(id: string): Promise<{ memoryBytes: number; cpuSeconds: number } | undefined> {
    return this.#cgroups.usage(this.#folders.engineName(id));
  }

  async guardPort(port: number): Promise<void> {
    this.#endPortGuard = await guardPort(port, {
      instancesFolder: this.#folders.root,
      pidFile: join(this.#runFolder, 'port-guard.pid'),
      joinFiles: this.#place.supervisorJoinFiles,
    });
  }

  async close(): Promise<void> {
    this.#exits.close();
    // Nothing is started any more once those that wait are removed.
    await this.#launcher.close();
    await this.#standbys.close();
    this.#words.close();
    // What runs on needs its bundle; without any, nothing of this server stays on the host.
    if ((await this.list()).length > 0) return;
    this.#endPortGuard?.();
    rmSync(this.#runFolder, { recursive: true, force: true });
    this.#cgroups.close();
    this.#place.release();
  }

  /** One that waits becomes this instance's by one rename; otherwise a new one is started in its place. */
  #takeStandby({ id, logFile }: InstanceSpec, key: string | undefined): Standby {
    const folder = this.#folders.supervisorFolder(id);
    const ticketFolder = this.#folders.ticketFolder(id);
    // A log that has lines already is continued, so its supervisor must be told of it from the first.
    const waiting = existsSync(logFile) ? undefined : this.#standbys.take(key);
    if (waiting) {
      try {
        renameSync(waiting.folder, folder);
        linkSync(join(folder, LOG), logFile);
        // Whoever will take the ticket has its folder open: it stays the same one.
        renameSync(join(folder, TICKET), ticketFolder);
      } catch (error) {
        this.#standbys.discard(waiting);
        throw error;
      }
      return { ...waiting, folder };
    }
    const name = newSupervisorName();
    mkdirSync(folder);
    this.#engines.makePlace(name, folder);
    renameSync(join(folder, TICKET), ticketFolder);
    return { supervisor: this.#launcher.start({ name, folder, ticketFolder, logFile }), folder };
  }

  #startStandby(folder: string): Supervisor {
    const name = basename(folder);
    this.#engines.makePlace(name, folder);
    const ticketFolder = join(folder, TICKET);
    return this.#launcher.start({ name, folder, ticketFolder, logFile: join(folder, LOG) });
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
    const recorded = this.#folders.exit(id) ?? readExit(join(this.#engines.bundle(name), 'exit'));
    return recorded && { ...recorded, oomKilled: this.#cgroups.oomKills(name) > 0 };
  }

  #supervisorLives(id: string): boolean {
    return this.#engines.lives(this.#folders.supervisorPidFile(id), this.#folders.engineName(id)) ?? false;
  }

  /** When the ticket was taken. @throws when there will be no first process that takes it, or it ended without it */
  async #ticketTime(id: string, supervisor?: Supervisor): Promise<string> {
    const began = Date.now();
    for (;;) {
      const waited = Date.now() - began;
      const report = supervisor?.report();
      const ended = this.#folders.exit(id) !== undefined;
      const isGone = waited > SOON_MS && supervisor?.isLaunched && !this.#supervisorLives(id);
      const isLost = supervisor?.isLost && this.#folders.supervisorPid(id) === undefined;
      // Looked for after those: it may have been taken in between.
      const ticket = this.#folders.ticket(id);
      if (ticket?.takenBy === 'instance') return ticket.at;
      if (report?.state === 'failed') throw new Error(report.why);
      if (ended) throw new Error('the first process of the instance could not take its ticket');
      const said = isGone || isLost ? supervisor?.complaint() : '';
      if (isGone) throw new Error(said || 'the supervisor ended without a report');
      if (isLost)
        throw new LauncherEndedError(`the shell that starts supervisors ended${said && `: ${said}`}`);
      if (waited > TICKET_WAIT_MS)
        throw new Error('the first process of the instance took no ticket in time');
      await delay(waited < SOON_MS ? 1 : 20);
    }
  }
}

/** Nothing of the instance was made, and that says nothing about the job: another attempt may be made. */
class LauncherEndedError extends Error {}

/** The same for two instances exactly when they are made of the same. @param host stamp of what they see of it */
function contentKey(shared: SharedSpec, host: string): string {
  const secrets = (all: [string, Secret][]): string[][] =>
    all.map(([name, value]) => [name, value.reveal()]).sort(([a], [b]) => (a! < b! ? -1 : 1));
  const content = {
    ...shared,
    host,
    environment: secrets(Object.entries(shared.environment)),
    secretFiles: secrets(shared.secretFiles.map(({ name, content: text }) => [name, text])),
  };
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
