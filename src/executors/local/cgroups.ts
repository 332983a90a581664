/**
 * The cgroup of each instance, made and read by the server itself: limits are written before the command starts, the
 * members are the exact set of the instance's processes, and the count of out-of-memory kills survives them all.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { InstanceLimits } from '../executor.ts';

const MOUNT = '/sys/fs/cgroup';
const CPU_PERIOD_US = 100_000;

export interface CgroupMount {
  /** Where it is inside the instance. */
  destination: string;
  source: string;
}

export interface Cgroups {
  readonly version: 1 | 2;
  /** Makes the cgroup, without limits. */
  create(id: string): void;
  /** Sets its limits; the instance's own processes do not exist yet. */
  limit(id: string, limits: InstanceLimits): void;
  /** The files to which a process writes 0 to join. `id` may be a placeholder of a shell. */
  joinFiles(id: string): string[];
  /** The parts of the hierarchy that the instance may read. */
  mounts(id: string): CgroupMount[];
  /** All processes of the instance, as the host numbers them. */
  members(id: string): number[];
  oomKills(id: string): number;
  usage(id: string): { memoryBytes: number; cpuSeconds: number } | undefined;
  /** Removes the cgroup. @returns false while there is a process in it: one may have joined just now */
  remove(id: string): boolean;
  /** Removes the group itself, unless another server's instances are in it. */
  close(): void;
}

/** The cgroups of this host below `group`. @throws when no usable hierarchy is mounted, or it cannot be written */
export function openCgroups(group: string): Cgroups {
  if (existsSync(`${MOUNT}/cgroup.controllers`)) return new UnifiedCgroups(group);
  return new LegacyCgroups(group);
}

const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};
const numbers = (text: string | undefined): number[] => (text ?? '').split('\n').filter(Boolean).map(Number);
const field = (text: string | undefined, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text ?? '')?.[1] ?? 0);

/** @returns whether it is gone: it can stay busy for an instant after its last process ended */
function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EBUSY' && code !== 'ENOENT') throw error;
    return code === 'ENOENT';
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Another server's instances are in it.
  }
}

/** cgroup v1, alone or in a hybrid mount: one folder per controller. */
class LegacyCgroups implements Cgroups {
  readonly version = 1;
  readonly #group: string;
  readonly #controllers: string[];

  constructor(group: string) {
    this.#group = group;
    for (const needed of ['memory', 'cpu', 'pids']) {
      if (!existsSync(`${MOUNT}/${needed}/cgroup.procs`)) {
        throw new Error(`the cgroup controller ${needed} is not mounted at ${MOUNT}/${needed}`);
      }
    }
    const accounting = existsSync(`${MOUNT}/cpuacct/cgroup.procs`) ? ['cpuacct'] : [];
    this.#controllers = ['memory', 'cpu', 'pids', ...accounting];
    for (const controller of this.#controllers) {
      mkdirSync(`${MOUNT}/${controller}/${group}`, { recursive: true });
    }
  }

  create(id: string): void {
    for (const controller of this.#controllers) mkdirSync(this.#folder(controller, id), { recursive: true });
  }

  limit(id: string, limits: InstanceLimits): void {
    const memory = this.#folder('memory', id);
    writeFileSync(`${memory}/memory.limit_in_bytes`, String(limits.memoryBytes));
    // Without accounting of swap there is no such file; then the kernel has no swap to give either, or none to count.
    if (existsSync(`${memory}/memory.memsw.limit_in_bytes`)) {
      writeFileSync(`${memory}/memory.memsw.limit_in_bytes`, String(limits.memoryBytes));
    }
    const cpu = this.#folder('cpu', id);
    writeFileSync(`${cpu}/cpu.cfs_period_us`, String(CPU_PERIOD_US));
    writeFileSync(`${cpu}/cpu.cfs_quota_us`, String((CPU_PERIOD_US * limits.cpuMillis) / 1000));
    writeFileSync(`${this.#folder('pids', id)}/pids.max`, String(limits.pids));
  }

  joinFiles(id: string): string[] {
    return this.#controllers.map((controller) => `${this.#folder(controller, id)}/cgroup.procs`);
  }

  mounts(id: string): CgroupMount[] {
    return this.#controllers.map((controller) => ({
      destination: `${MOUNT}/${controller}`,
      source: this.#folder(controller, id),
    }));
  }

  members(id: string): number[] {
    return numbers(readText(`${this.#folder('pids', id)}/cgroup.procs`));
  }

  oomKills(id: string): number {
    return field(readText(`${this.#folder('memory', id)}/memory.oom_control`), 'oom_kill');
  }

  usage(id: string): { memoryBytes: number; cpuSeconds: number } | undefined {
    const memory = readText(`${this.#folder('memory', id)}/memory.usage_in_bytes`);
    if (memory === undefined) return undefined;
    const cpu = readText(`${this.#folder('cpuacct', id)}/cpuacct.usage`) ?? '0';
    return { memoryBytes: Number(memory), cpuSeconds: Number(cpu) / 1e9 };
  }

  remove(id: string): boolean {
    return this.#controllers.every((controller) => removeFolder(this.#folder(controller, id)));
  }

  close(): void {
    for (const controller of this.#controllers) removeIfEmpty(`${MOUNT}/${controller}/${this.#group}`);
  }

  #folder(controller: string, id: string): string {
    return `${MOUNT}/${controller}/${this.#group}/${id}`;
  }
}

/** cgroup v2. */
class UnifiedCgroups implements Cgroups {
  readonly version = 2;
  readonly #group: string;

  constructor(group: string) {
    this.#group = `${MOUNT}/${group}`;
    mkdirSync(this.#group, { recursive: true });
    // Every level above must hand the controllers down.
    let level = MOUNT;
    for (const name of ['', ...group.split('/')]) {
      level = name === '' ? level : `${level}/${name}`;
      writeFileSync(`${level}/cgroup.subtree_control`, '+memory +cpu +pids');
    }
  }

  create(id: string): void {
    mkdirSync(this.#folder(id), { recursive: true });
  }

  limit(id: string, limits: InstanceLimits): void {
    const folder = this.#folder(id);
    writeFileSync(`${folder}/memory.max`, String(limits.memoryBytes));
    if (existsSync(`${folder}/memory.swap.max`)) writeFileSync(`${folder}/memory.swap.max`, '0');
    writeFileSync(`${folder}/cpu.max`, `${(CPU_PERIOD_US * limits.cpuMillis) / 1000} ${CPU_PERIOD_US}`);
    writeFileSync(`${folder}/pids.max`, String(limits.pids));
  }

  joinFiles(id: string): string[] {
    return [`${this.#folder(id)}/cgroup.procs`];
  }

  mounts(id: string): CgroupMount[] {
    return [{ destination: MOUNT, source: this.#folder(id) }];
  }

  members(id: string): number[] {
    return numbers(readText(`${this.#folder(id)}/cgroup.procs`));
  }

  oomKills(id: string): number {
    return field(readText(`${this.#folder(id)}/memory.events`), 'oom_kill');
  }

  usage(id: string): { memoryBytes: number; cpuSeconds: number } | undefined {
    const memory = readText(`${this.#folder(id)}/memory.current`);
    if (memory === undefined) return undefined;
    const cpu = field(readText(`${this.#folder(id)}/cpu.stat`), 'usage_usec');
    return { memoryBytes: Number(memory), cpuSeconds: cpu / 1e6 };
  }

  remove(id: string): boolean {
    return removeFolder(this.#folder(id));
  }

  close(): void {
    // It stays: made anew by another server's next instance, it would lack its controllers.
  }

  #folder(id: string): string {
    return `${this.#group}/${id}`;
  }
}
