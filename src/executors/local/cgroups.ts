/**
 * The cgroup of each instance, made and read by the server itself: limits are written before the command starts, the
 * members are the exact set of the instance's processes, and the count of out-of-memory kills survives them all.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { isAbsence, unlessAbsent } from '../../shared/absence.ts';
import type { InstanceLimits } from '../executor.ts';
import { signalProcess } from '../processes.ts';

const MOUNT = '/sys/fs/cgroup';
/** What is moved may start others meanwhile. */
const MOVE_PASSES = 100;
const CPU_PERIOD_US = 100_000;
const LONG_CPU_PERIOD_US = 1_000_000;
const LITTLE_CPU_MILLIS = 10;
/** Those of cgroup v2 that the limits of an instance need. */
const CONTROLLERS = ['memory', 'cpu', 'pids'];

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
  /** Sets the limit of CPU anew; nothing when the instance is over. */
  limitCpu(id: string, cpuMillis: number): void;
  /** The files to which a process writes 0 to join. `id` may be a placeholder of a shell. */
  joinFiles(id: string): string[];
  /** The parts of the hierarchy that the instance may read. */
  mounts(id: string): CgroupMount[];
  /** Where a runtime that makes the cgroup itself is to make it, counted from the root of each hierarchy. */
  pathOf(id: string): string;
  /** All processes of the instance, as the host numbers them. */
  members(id: string): number[];
  /** Sends SIGKILL to all of them. */
  kill(id: string): void;
  oomKills(id: string): number;
  usage(id: string): { memoryBytes: number; cpuSeconds: number } | undefined;
  /** Removes the cgroup. @returns false while there is a process in it: one may have joined just now */
  remove(id: string): boolean;
  /** Removes the group itself, unless another server's instances are in it. */
  close(): void;
}

/** Whether this host has cgroup v2 alone. */
export const isUnified = (): boolean => existsSync(`${MOUNT}/cgroup.controllers`);

/**
 * The cgroups of this host below `group`, a path such as `errand` or `system.slice/x.scope`.
 * @throws when no usable hierarchy is mounted, or it cannot be written
 */
export function openCgroups(group: string): Cgroups {
  return isUnified() ? new UnifiedCgroups(group) : new LegacyCgroups(group);
}

/**
 * Moves all processes of one cgroup of version 2 to another: only a group without any can hand controllers down.
 * @throws when they go on appearing
 */
export function moveProcesses(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (let pass = 0; pass < MOVE_PASSES; pass += 1) {
    const left = numbers(readFileSync(`${from}/cgroup.procs`, 'utf8'));
    if (left.length === 0) return;
    for (const pid of left) moveProcess(pid, to);
  }
  throw new Error(`processes go on appearing in the cgroup ${from}`);
}

function moveProcess(pid: number, to: string): void {
  try {
    writeFileSync(`${to}/cgroup.procs`, String(pid));
  } catch (error) {
    // It ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Of a CPU in a period, in microseconds. The kernel gives a thousandth of a second at least, so little needs a long one. */
function cpuQuota(cpuMillis: number): { quota: string; period: string } {
  const period = cpuMillis < LITTLE_CPU_MILLIS ? LONG_CPU_PERIOD_US : CPU_PERIOD_US;
  return { quota: String(Math.max(1000, Math.round((period * cpuMillis) / 1000))), period: String(period) };
}

const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // A group that was removed between the opening of its file and the reading has no such device any more.
    if (isAbsence(error) || (error as NodeJS.ErrnoException).code === 'ENODEV') return undefined;
    throw error;
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

/** Makes the group with all processors and memory of the one above, which those in it inherit. @returns false without */
function makeCpuset(group: string): boolean {
  if (!existsSync(`${MOUNT}/cpuset/cgroup.procs`)) return false;
  let above = `${MOUNT}/cpuset`;
  for (const name of group.split('/')) {
    const folder = `${above}/${name}`;
    mkdirSync(folder, { recursive: true });
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if ((readText(`${folder}/${file}`) ?? '').trim() === '')
        writeFileSync(`${folder}/${file}`, readText(`${above}/${file}`) ?? '');
    }
    writeFileSync(`${folder}/cgroup.clone_children`, '1');
    above = folder;
  }
  return true;
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
    // It limits nothing, but the JVM believes no limit where it does not find all four.
    if (makeCpuset(group)) this.#controllers.push('cpuset');
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
    this.limitCpu(id, limits.cpuMillis);
    writeFileSync(`${this.#folder('pids', id)}/pids.max`, String(limits.pids));
  }

  limitCpu(id: string, cpuMillis: number): void {
    const { quota, period } = cpuQuota(cpuMillis);
    const cpu = this.#folder('cpu', id);
    unlessAbsent(() => {
      writeFileSync(`${cpu}/cpu.cfs_period_us`, period);
      writeFileSync(`${cpu}/cpu.cfs_quota_us`, quota);
    });
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

  pathOf(id: string): string {
    return `/${this.#group}/${id}`;
  }

  members(id: string): number[] {
    return numbers(readText(`${this.#folder('pids', id)}/cgroup.procs`));
  }

  kill(id: string): void {
    for (const pid of this.members(id)) signalProcess(pid, 'SIGKILL');
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
    this.#group = group;
    mkdirSync(`${MOUNT}/${group}`, { recursive: true });
    for (const level of levelsOf(group)) handDown(level);
  }

  create(id: string): void {
    mkdirSync(this.#folder(id), { recursive: true });
  }

  limit(id: string, limits: InstanceLimits): void {
    const folder = this.#folder(id);
    writeFileSync(`${folder}/memory.max`, String(limits.memoryBytes));
    // Without swap in the kernel there is no such file.
    if (existsSync(`${folder}/memory.swap.max`)) writeFileSync(`${folder}/memory.swap.max`, '0');
    // A command that lost one of its processes is not let go on half: all of the instance ends.
    writeFileSync(`${folder}/memory.oom.group`, '1');
    this.limitCpu(id, limits.cpuMillis);
    writeFileSync(`${folder}/pids.max`, String(limits.pids));
  }

  limitCpu(id: string, cpuMillis: number): void {
    const { quota, period } = cpuQuota(cpuMillis);
    unlessAbsent(() => writeFileSync(`${this.#folder(id)}/cpu.max`, `${quota} ${period}`));
  }

  joinFiles(id: string): string[] {
    return [`${this.#folder(id)}/cgroup.procs`];
  }

  mounts(id: string): CgroupMount[] {
    return [{ destination: MOUNT, source: this.#folder(id) }];
  }

  pathOf(id: string): string {
    return `/${this.#group}/${id}`;
  }

  members(id: string): number[] {
    return numbers(readText(`${this.#folder(id)}/cgroup.procs`));
  }

  kill(id: string): void {
    // At once for all, so that none forks away; kernels before 5.14 have no such file.
    const file = `${this.#folder(id)}/cgroup.kill`;
    if (existsSync(file)) writeFileSync(file, '1');
    else for (const pid of this.members(id)) signalProcess(pid, 'SIGKILL');
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
    return `${MOUNT}/${this.#group}/${id}`;
  }
}

/** From the root of the hierarchy down to the group itself. */
function levelsOf(group: string): string[] {
  const parts = group.split('/').filter(Boolean);
  return [MOUNT, ...parts.map((_, index) => `${MOUNT}/${parts.slice(0, index + 1).join('/')}`)];
}

/**
 * Lets what is below a group be limited. A level that hands the controllers down already is left alone: it may belong
 * to somebody else, and be shown read-only.
 * @throws naming the controllers that are not to be had
 */
function handDown(level: string): void {
  const words = (file: string): string[] => readFileSync(`${level}/${file}`, 'utf8').split(/\s+/);
  const needed = CONTROLLERS.filter((controller) => !words('cgroup.subtree_control').includes(controller));
  if (needed.length === 0) return;
  const missing = needed.filter((controller) => !words('cgroup.controllers').includes(controller));
  if (missing.length > 0) {
    throw new Error(`the cgroup ${level} has no controller ${missing.join(', ')} to hand down`);
  }
  writeFileSync(`${level}/cgroup.subtree_control`, needed.map((controller) => `+${controller}`).join(' '));
}
