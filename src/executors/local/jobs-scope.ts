/**
 * Where jobs live on a host that systemd runs: a scope of their own, beside the server's unit. In the server's unit
 * they would hinder its next start on cgroup v2 (a group that hands controllers down takes no process), be reported as
 * left over at each start, and end with the login session that a server was started from.
 *
 * A scope lives as long as a process is in it. The *keeper* is that process: a small shell. It also records that
 * systemd stops the scope, as it does when the host goes down: nothing else explains afterwards why every job ended.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { argumentsOf, signalProcess } from '../processes.ts';
import { isUnified } from './cgroups.ts';
import { findProgram, run } from './runtime.ts';

const MOUNT = '/sys/fs/cgroup';
/** A host under load answers late. */
const SYSTEMD_WAIT_MS = 60_000;
/** A scope whose last process has just ended goes in an instant; under load, when systemd comes to it. */
const LEAVING_WAIT_MS = 60_000;
/** How long jobs may take to end when the host goes down: what systemd gives to units that name no limit. */
const STOP_WAIT = '90s';
/** The part of the scope's cgroup that the keeper is in, on cgroup v2. */
export const KEEPER_LEAF = 'keeper';
/** Named in the keeper's arguments, so that it is recognised. */
const KEEPER = 'errand-keeper';

export interface JobsScope {
  /** Such as errand-jobs-0123abcd.scope. */
  readonly unit: string;
  /** Its cgroup, in each hierarchy that systemd manages. */
  readonly folders: string[];
  /** Lets the scope end, when nothing but its keeper is in it. */
  release(): void;
}

/**
 * The keeper's program. The first shell leaves it behind and is gone, so whoever started it need not wait.
 * `sleep` may get a signal before the shell does.
 */
const SCRIPT = `
keep() {
  trap 'read -r boot < /proc/sys/kernel/random/boot_id
    echo "$boot $(date +%s.%N)" > "$1.new" && mv "$1.new" "$1" && sync "$1"
    exit' TERM
  trap 'kill $!; exit' USR1
  while :; do sleep infinity & wait $!; done
}
trap '' HUP INT
keep "$1" < /dev/null > /dev/null 2>&1 &`;

/** Whether systemd is the first process of this host. */
export const hasSystemd = (): boolean => existsSync('/run/systemd/system');

/**
 * Makes sure that the scope of this data folder's jobs is there, with its keeper.
 * @param stopFile where the keeper records a stop of the scope: boot id and instant, in seconds
 * @throws with systemd's own words when it makes no scope
 */
export async function openJobsScope(dataDir: string, stopFile: string): Promise<JobsScope> {
  const unit = `errand-jobs-${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}.scope`;
  const keeper = ['/bin/sh', '-c', SCRIPT, KEEPER, stopFile];
  const deadline = Date.now() + LEAVING_WAIT_MS;
  for (;;) {
    const there = foldersOf(unit);
    if (there.some(isPopulated)) {
      if (keepersIn(there).length === 0) joinAndRun(there, keeper);
      break;
    }
    try {
      startScope(unit, dataDir, keeper);
      break;
    } catch (error) {
      // One that is about to go, or whose processes had not ended an instant ago, still has the name.
      if (!String(error).includes('already loaded') || Date.now() > deadline) throw error;
      await delay(50);
    }
  }
  const folders = foldersOf(unit);
  if (folders.length === 0) throw new Error(`systemd says nothing of the cgroup of ${unit}`);
  return {
    unit,
    folders,
    release: () => {
      for (const pid of keepersIn(folders)) signalProcess(pid, 'SIGUSR1');
    },
  };
}

function startScope(unit: string, dataDir: string, keeper: string[]): void {
  const own = ownUnit(readFileSync('/proc/self/cgroup', 'utf8'));
  const properties = [
    'Delegate=yes',
    `TimeoutStopSec=${STOP_WAIT}`,
    `RequiresMountsFor=${JSON.stringify(dataDir)}`,
    // What starts first stops last: the server hears of the host's stop before its jobs do.
    ...(own.service ? [`Before=${own.service}`] : []),
  ].map((property) => `--property=${property}`);
  const name = [`--unit=${unit}`, `--slice=${own.slice}`, `--description=Jobs of Errand (${dataDir})`];
  systemd('systemd-run', ['--scope', '--quiet', '--collect', ...name, ...properties, '--', ...keeper]);
}

/** Jobs without a keeper: it was killed. */
function joinAndRun(folders: string[], keeper: string[]): void {
  const script =
    'for file; do [ "$file" = -- ] && shift && break; echo 0 > "$file" || exit 1; shift; done; exec "$@"';
  run('/bin/sh', ['-c', script, 'errand', ...folders.map((folder) => keeperProcs(folder)), '--', ...keeper]);
}

/** On cgroup v2 the scope itself hands controllers down, and has no process in it. */
function keeperProcs(folder: string): string {
  if (!isUnified()) return join(folder, 'cgroup.procs');
  mkdirSync(join(folder, KEEPER_LEAF), { recursive: true });
  return join(folder, KEEPER_LEAF, 'cgroup.procs');
}

/** The scope's cgroups; none when there is no such scope. */
function foldersOf(unit: string): string[] {
  const group = systemd('systemctl', ['show', '--property=ControlGroup', '--value', unit]).trim();
  if (group === '') return [];
  return [MOUNT, `${MOUNT}/systemd`, `${MOUNT}/unified`]
    .map((hierarchy) => `${hierarchy}${group}`)
    .filter((folder) => existsSync(join(folder, 'cgroup.procs')));
}

const processesIn = (folders: string[]): number[] =>
  folders.flatMap((folder) =>
    readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number),
  );

/** Whether processes are in the group or below it: on cgroup v2 the scope's own group has none. */
export function isPopulated(folder: string): boolean {
  const events = join(folder, 'cgroup.events');
  if (existsSync(events)) return /^populated 1$/m.test(readFileSync(events, 'utf8'));
  return processesIn([folder]).length > 0;
}

function keepersIn(folders: string[]): number[] {
  const places = folders.flatMap((folder) => [folder, join(folder, KEEPER_LEAF)]);
  const found = processesIn(places.filter((folder) => existsSync(join(folder, 'cgroup.procs'))));
  return [...new Set(found)].filter((pid) => argumentsOf(pid)?.includes(KEEPER));
}

/**
 * The slice that the server's unit lies in, so that limits of the slice hold for the jobs as well. What a login session
 * started belongs to a slice that ends with the session: its jobs go to the system's own.
 * @param cgroup of the server, as /proc/PID/cgroup says it
 */
export function ownUnit(cgroup: string): { slice: string; service?: string } {
  const path = /^\d+:name=systemd:(.*)$/m.exec(cgroup)?.[1] ?? /^0::(.*)$/m.exec(cgroup)?.[1] ?? '/';
  const parts = path.split('/').filter(Boolean);
  const at = parts.findIndex((part) => part.endsWith('.service'));
  const slice = parts[at - 1];
  if (parts[0] === 'user.slice' || at < 0 || !slice?.endsWith('.slice')) return { slice: 'system.slice' };
  return { slice, service: parts[at]! };
}

function systemd(program: string, args: string[]): string {
  const path = findProgram(program);
  if (!path) throw new Error(`not found: ${program}`);
  return run(path, args, SYSTEMD_WAIT_MS);
}
