/** What a server's jobs left on the machine, found without asking the server: nothing may be left once all are final. */

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const CGROUPS = '/sys/fs/cgroup';
const REMOVE_WITHIN_MS = 20_000;

/**
 * Looks at everything, when no server runs: one keeps supervisors ready.
 * @param names of jobs and supervisors whose cgroups and mounts are looked for
 * @returns a description of each leftover
 */
export function leftovers(dataDir: string, names: Iterable<string>): string[] {
  const ids = new Set(names);
  const folders = [
    join(dataDir, 'instances'),
    join(dataDir, 'exits'),
    ...runtimeFolders(dataDir).flatMap((folder) => [join(folder, 'bundles'), join(folder, 'state')]),
  ];
  return [
    ...folders.flatMap((folder) => entries(folder).map((name) => `in ${folder}: ${name}`)),
    ...processesOf(dataDir, ids).map((pid) => `process ${pid}: ${commandLine(pid).join(' ').slice(0, 200)}`),
    ...cgroupsOf(ids).map((path) => `cgroup ${path}`),
    ...mountsOf([...ids, dataDir, ...runtimeFolders(dataDir)]).map((mount) => `mount ${mount}`),
  ];
}

/** Instances that are still there after the time that the sweep of a running server may take. */
export async function lastingInstances(dataDir: string, withinMs = 20_000): Promise<string[]> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const left = entries(join(dataDir, 'instances'));
    if (left.length === 0 || performance.now() > deadline) return left.map((name) => `instance ${name}`);
    await delay(100);
  }
}

/** Live processes that belong to this data folder: supervisors, and members of the jobs' cgroups or sessions. */
export function processesOf(dataDir: string, jobIds: ReadonlySet<string>): number[] {
  const marks = [dataDir, ...runtimeFolders(dataDir)];
  return livePids().filter((pid) => {
    const args = commandLine(pid);
    if (args.length === 0 || pid === process.pid) return false;
    if (args.includes('serve')) return false;
    if (args.some((argument) => marks.some((mark) => argument.includes(mark)))) return true;
    const ours = [...environment(pid), ...cgroup(pid)];
    return ours.some((id) => jobIds.has(id));
  });
}

/** Names that the local executor gave to supervisors that are there right now, taken by a job or waiting for one. */
export function supervisorNames(dataDir: string): string[] {
  const taken = entries(join(dataDir, 'instances')).map((id) => supervisorName(dataDir, id));
  return [...entries(join(dataDir, 'standby')), ...taken].filter((name) => name !== '');
}

const supervisorName = (dataDir: string, jobId: string): string =>
  texts(join(dataDir, 'instances', jobId, 'supervisor', 'name'));

/** Live processes of an instance, told by the environment that every one of them inherits. */
export function instanceProcesses(jobId: string): number[] {
  return livePids().filter((pid) => environment(pid).includes(jobId) && commandLine(pid).length > 0);
}

/** Supervisors of a job, found by their arguments. */
export function supervisorsOf(dataDir: string, jobId: string): number[] {
  const name = supervisorName(dataDir, jobId);
  const places = [
    join(dataDir, 'instances', jobId),
    ...(name ? runtimeFolders(dataDir).map((folder) => join(folder, 'bundles', name)) : []),
  ];
  return livePids().filter((pid) => commandLine(pid).some((argument) => places.includes(argument)));
}

/** Ends every process of the data folder and removes what lies outside of it. */
export async function removeTraces(dataDir: string): Promise<void> {
  const ids = new Set([...entries(join(dataDir, 'instances')), ...supervisorNames(dataDir)]);
  const deadline = performance.now() + REMOVE_WITHIN_MS;
  for (;;) {
    const pids = processesOf(dataDir, ids);
    for (const pid of pids) killIfThere(pid);
    if (pids.length === 0 && cgroupsOf(ids).every(removedCgroup)) break;
    if (performance.now() > deadline) throw new Error(`what belongs to ${dataDir} does not end`);
    await delay(10);
  }
  for (const folder of runtimeFolders(dataDir)) await rm(folder, { recursive: true, force: true });
}

/** @returns false while it is busy: it can be for an instant after its last process ended */
function removedCgroup(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

/** Where the local executor keeps what belongs to this boot of the host. */
export function runtimeFolders(dataDir: string): string[] {
  const hash = (path: string): string => createHash('sha256').update(path).digest('hex').slice(0, 12);
  const paths = existsSync(dataDir) ? [dataDir, realpathSync(dataDir)] : [dataDir];
  const places = [...new Set(paths)].flatMap((path) => [
    `/run/errand-${hash(path)}`,
    `/dev/shm/errand-${hash(path)}`,
    join(path, 'runtime'),
  ]);
  return places.filter((folder) => existsSync(folder));
}

/** Cgroups of jobs and supervisors, wherever on this host they live: a group of the root, or systemd's scope for them. */
export function cgroupsOf(names: ReadonlySet<string>): string[] {
  return foldersBelow(CGROUPS).filter((path) => names.has(basename(path)));
}

/** Those of others may vanish meanwhile. */
function foldersBelow(folder: string): string[] {
  let children: string[] = [];
  try {
    children = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return [...children, ...children.flatMap(foldersBelow)];
}

function mountsOf(marks: string[]): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => marks.some((mark) => line.includes(mark)));
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const livePids = (): number[] =>
  entries('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function texts(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Empty for a process that is gone, a zombie, or of the kernel. */
const commandLine = (pid: number): string[] => texts(`/proc/${pid}/cmdline`).split('\0').filter(Boolean);

const environment = (pid: number): string[] =>
  texts(`/proc/${pid}/environ`)
    .split('\0')
    .flatMap((one) => /^ERRAND_(?:INSTANCE|JOB)_ID=(.*)$/.exec(one)?.[1] ?? []);

const cgroup = (pid: number): string[] => texts(`/proc/${pid}/cgroup`).split(/[\n/]/);

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
