/**
 * What the name of a supervisor stands for on this host: its cgroup, its bundle, the runtime's state, its processes.
 * They are made, looked at and removed here; whose job they are is the executor's matter.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeTree } from '../../shared/trees.ts';
import { readPid, stillMounted } from '../instance-folder.ts';
import { argumentsOf, findByArgument, signalProcess } from '../processes.ts';
import { shownInProject } from '../project-secrets.ts';
import { makeInstanceFolders, type User, writeBundle } from './bundle.ts';
import type { Cgroups } from './cgroups.ts';
import type { HostParts, HostView } from './host-view.ts';
import { type RuntimeChoice, run } from './runtime.ts';
import type { HostFacts, InstancePaths, SharedSpec } from './spec.ts';
import type { Standby } from './standbys.ts';

const DESTROY_WAIT_MS = 10_000;
/** In a bundle: the folder of what the first process reads. */
const ORDERS = 'orders';

export interface EngineOptions {
  cgroups: Cgroups;
  view: HostView;
  facts: Omit<HostFacts, 'cgroupMounts' | 'runtimeCgroup' | keyof HostParts>;
  choice: RuntimeChoice;
  user: User;
  bundlesFolder: string;
  stateFolder: string;
  exitsFolder: string;
}

export class Engines {
  readonly #options: EngineOptions;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  bundle(name: string): string {
    return join(this.#options.bundlesFolder, name);
  }

  /** Where the first process of its instance looks for its orders. */
  ordersFolder(name: string): string {
    return join(this.bundle(name), ORDERS);
  }

  /** Makes what a supervisor finds there. */
  makePlace(name: string, folder: string): void {
    writeFileSync(join(folder, 'name'), name);
    makeInstanceFolders(folder, this.#options.user);
    this.#options.cgroups.create(name);
    mkdirSync(this.bundle(name), { mode: 0o700 });
  }

  /** Lets a supervisor make an instance, whose first process then waits. */
  make({ supervisor, folder }: Standby, shared: SharedSpec): void {
    const { name } = supervisor;
    this.#options.cgroups.limit(name, shared.limits);
    writeBundle(this.bundle(name), name, shared, this.#paths(shared, name, folder), {
      ...this.#options.facts,
      ...this.#options.view.parts,
      cgroupMounts: this.#options.choice.joinsCgroup ? this.#options.cgroups.mounts(name) : [],
      ...(this.#options.choice.joinsCgroup ? {} : { runtimeCgroup: this.#options.cgroups.pathOf(name) }),
    });
    supervisor.say('make');
  }

  /** Ends a supervisor and its processes, and removes what it made. @param folder where it waited, if it still does */
  async remove(name: string, folder?: string): Promise<void> {
    const deadline = Date.now() + DESTROY_WAIT_MS;
    await this.#endProcesses(name, deadline);
    if (!this.#options.choice.joinsCgroup && existsSync(join(this.#options.stateFolder, name))) {
      run(this.#options.choice.path, ['--root', this.#options.stateFolder, 'delete', '--force', name]);
    }
    rmSync(join(this.#options.stateFolder, name), { recursive: true, force: true });
    // A supervisor that was asked for appears when the launcher comes to it, which may be now.
    while (!this.#options.cgroups.remove(name)) {
      if (Date.now() > deadline) throw new Error(`${name}: its cgroup stays busy for ${DESTROY_WAIT_MS} ms`);
      await delay(2);
      await this.#endProcesses(name, deadline);
    }
    rmSync(this.bundle(name), { recursive: true, force: true });
    if (!folder) return;
    // Of one that had its instance made and was not used.
    rmSync(join(this.#options.exitsFolder, name), { force: true });
    await removeTree(folder).catch((error: unknown) => {
      throw stillMounted(folder, error);
    });
  }

  async #endProcesses(name: string, deadline: number): Promise<void> {
    for (;;) {
      const supervisors = this.#supervisors(name);
      const left = [...this.#options.cgroups.members(name), ...supervisors];
      if (left.length === 0) return;
      this.#options.cgroups.kill(name);
      for (const pid of supervisors) signalProcess(pid, 'SIGKILL');
      if (Date.now() > deadline) throw new Error(`${name}: processes ${left.join(', ')} do not end`);
      await delay(2);
    }
  }

  /** Whether the process that a file names is that supervisor; undefined while the file says nothing. */
  lives(pidFile: string, name: string): boolean | undefined {
    const pid = readPid(pidFile);
    return pid === undefined ? undefined : (argumentsOf(pid)?.includes(this.bundle(name)) ?? false);
  }

  #paths({ project, secretFiles }: SharedSpec, name: string, folder: string): InstancePaths {
    return {
      rootfs: this.#options.view.rootfs,
      etc: join(this.bundle(name), 'etc'),
      home: join(folder, 'home'),
      tmp: join(folder, 'tmp'),
      upper: join(folder, 'upper'),
      work: join(folder, 'work'),
      secrets: join(this.bundle(name), 'secrets'),
      projectSecrets: shownInProject(project.tree, secretFiles).map((file) => file.name),
      orders: this.ordersFolder(name),
    };
  }

  /** Live processes that make or supervise an instance of that name, which is told by the bundle they were given. */
  #supervisors(name: string): number[] {
    // One that recorded an exit is gone or about to be; only an interrupted one can have left others.
    if (existsSync(join(this.#options.exitsFolder, name))) return [];
    return existsSync(this.bundle(name)) ? findByArgument(this.bundle(name)) : [];
  }
}
