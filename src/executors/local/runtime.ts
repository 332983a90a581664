/**
 * The seam to the programs that make an instance: a supervisor (conmon) and an OCI runtime (crun or runc). This is the
 * one file of this executor that starts processes. Argument arrays only; the shell scripts are fixed texts.
 *
 * conmon calls its runtime as `create`; the wrapper turns that into `run --detach`. So one spawn makes, starts and
 * supervises an instance, and there is no state in which it is made but waits for the server to start it.
 *
 * A supervisor can be started before there is a job for it: its wrapper has joined a cgroup and waits for one word.
 * That takes the slowest parts (loading conmon, moving between cgroups) off the path from create to start. When the
 * server ends before the word, the wrapper sees the end of its input and nothing is left.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { crashPoint } from '../../shared/crash-points.ts';
import { TICKET_FD } from './spec.ts';

/** Descriptors of a supervisor: it reports on one, its wrapper reads the word from the other. */
const REPORT_FD = 3;
const WORD_FD = 4;

export interface RuntimeChoice {
  name: 'crun' | 'runc';
  path: string;
  /** True: the server makes the cgroup and the wrapper joins it. False: the runtime makes it. */
  joinsCgroup: boolean;
  /** A mount namespace without the empty cgroup2 mount of hybrid hosts, which crun refuses. */
  mountNamespace?: string;
  /** Instances in a user namespace: what is left of privileges counts only inside. Old kernels lack overlays there. */
  userNamespace: boolean;
}

export interface SupervisorPlan {
  /** Names the cgroup, the runtime's state and the exit record. */
  name: string;
  bundle: string;
  /** State of the runtime: one folder for all instances. */
  stateFolder: string;
  supervisorPidFile: string;
  exitsFolder: string;
  logFile: string;
}

/** A supervisor that waits, or has been let go. */
export interface Supervisor {
  readonly name: string;
  /** Whether it can still be let go. */
  readonly ready: boolean;
  /** Lets it make the instance from its bundle, which is complete by now. */
  go(): void;
  /** Why there will be no first process, in the runtime's own words; undefined while there may be one, or is. */
  failure(): string | undefined;
  /** Gives it up: one that still waits ends without an instance, one that was let go goes on. */
  release(): void;
}

/** The absolute path of a program of this host, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return folders.map((folder) => join(folder, name)).find((path) => isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path.startsWith('/');
  } catch {
    return false;
  }
}

/**
 * Writes the wrapper that conmon calls as its runtime.
 * @param joinFiles with `$id` for the supervisor's name
 * @param ticketFolder likewise; it is there by the time of the word
 */
export function writeWrapper(
  file: string,
  choice: RuntimeChoice,
  joinFiles: string[],
  ticketFolder: string,
): void {
  const enter = choice.mountNamespace ? `nsenter --mount=${choice.mountNamespace} -- ` : '';
  const disabled = choice.joinsCgroup && choice.name === 'crun' ? ' --cgroup-manager=disabled' : '';
  const begin = [
    '#!/bin/sh',
    '# Called by conmon: wrapper --root=FOLDER create ... ID. Joins the limits before anything of the instance runs.',
    'root=$1; shift 2',
    'for id; do :; done',
    ...(choice.joinsCgroup ? joinFiles.map((path) => `echo 0 > "${path}" || exit 1`) : []),
    `exec ${enter}/bin/sh ${file}-go "$root" "$@"`,
  ];
  const go = [
    '# Waits for the word; an end of input instead means that the server is gone.',
    'root=$1; shift',
    `read -r word <&${WORD_FD} && [ "$word" = go ] || exit 1`,
    '# Without its supervisor nobody would hear the instance.',
    'kill -0 "$PPID" || exit 1',
    'for id; do :; done',
    '# An empty pipe for its input: conmon gives /dev/null, and crun hands what it is given to the user of the instance.',
    `exec ${choice.path}${disabled} "$root" run --detach --preserve-fds=1 "$@" ${TICKET_FD}<"${ticketFolder}" ${WORD_FD}<&- <<END`,
    'END',
  ];
  writeFileSync(file, `${begin.join('\n')}\n`, { mode: 0o755 });
  writeFileSync(`${file}-go`, `${go.join('\n')}\n`, { mode: 0o755 });
}

/** Makes, once per start of the server, the mount namespace in which crun accepts a hybrid host. */
export function makeMountNamespace(folder: string): string {
  const file = join(folder, 'mount-namespace');
  mkdirSync(folder, { recursive: true });
  // The file that holds a namespace must lie on a private mount.
  const script = `
    set -e
    mountpoint -q "$1" || mount --bind "$1" "$1"
    mount --make-private "$1"
    if mountpoint -q "$2"; then umount -l "$2"; fi
    : > "$2"
    exec unshare --mount="$2" --propagation slave umount /sys/fs/cgroup/unified`;
  run('/bin/sh', ['-c', script, 'errand', folder, file]);
  return file;
}

/** Gives up what `makeMountNamespace` made. @param file what it returned */
export function removeMountNamespace(file: string): void {
  const script = 'umount -l "$1" && umount -l "$2"';
  run('/bin/sh', ['-c', script, 'errand', file, dirname(file)]);
}

/** Whether this is a host with the hybrid layout: legacy controllers and an extra cgroup2 mount. */
export const isHybrid = (): boolean => existsSync('/sys/fs/cgroup/unified/cgroup.procs');

/** Runs a program to its end. @throws with what it printed when it fails */
export function run(program: string, args: string[]): string {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 20_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status !== 0) {
    const said = (result.stderr || result.error?.message || `exit ${result.status}`).trim();
    throw new Error(`${program} failed: ${said}`);
  }
  return result.stdout;
}

/** Starts a supervisor, which leaves the server's process tree at once and waits. */
export function startSupervisor(conmon: string, wrapper: string, plan: SupervisorPlan): Supervisor {
  // A file and no pipe: conmon ends when it cannot deliver its report, and the server may be gone by then.
  const reportFile = join(plan.bundle, 'report');
  const report = openSync(reportFile, 'a', 0o600);
  const child = spawn(
    conmon,
    [
      ...['--cid', plan.name, '--cuuid', plan.name, '--name', plan.name],
      ...['--runtime', wrapper, `--runtime-arg=--root=${plan.stateFolder}`],
      ...['--bundle', plan.bundle, '--container-pidfile', join(plan.bundle, 'pid')],
      ...['--conmon-pidfile', plan.supervisorPidFile],
      // The exit is recorded twice: in memory first, where a full disk cannot stop it.
      ...['--persist-dir', plan.bundle, '--exit-dir', plan.exitsFolder],
      ...['--log-path', `k8s-file:${plan.logFile}`, '--full-attach'],
    ],
    {
      cwd: '/',
      detached: true,
      // The supervisor and its runtime need a path and the descriptor to report on; no secret goes this way.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin', _OCI_SYNCPIPE: String(REPORT_FD) },
      stdio: ['ignore', 'ignore', 'ignore', report, 'pipe'],
    },
  );
  closeSync(report);
  child.unref();
  const word = child.stdio[WORD_FD] as Socket;
  // One that waits must not keep the server's process alive.
  word.unref();
  let ready = true;
  let ended: string | undefined;
  child.once('error', (cause) => {
    ended = `the supervisor could not be started: ${cause.message}`;
  });
  word.on('error', () => undefined);
  // Its end is open as long as the supervisor or its wrapper lives. Nothing is ever sent to this side.
  word.resume();
  word.once('close', () => {
    ready = false;
    ended ??= 'the supervisor ended without a report';
  });
  return {
    name: plan.name,
    get ready() {
      return ready;
    },
    go() {
      ready = false;
      word.write('go\n');
      crashPoint('supervisor-released');
    },
    failure: () => reportedFailure(reportFile) ?? ended,
    release() {
      ready = false;
      word.destroy();
    },
  };
}

/** conmon reports once: the process id, or a negative number with what the runtime printed. */
function reportedFailure(file: string): string | undefined {
  const line = readIfThere(file).split('\n', 1)[0]!;
  if (!line.endsWith('}')) return undefined;
  const report = JSON.parse(line) as { data?: number; pid?: number; message?: string };
  if ((report.data ?? report.pid ?? -1) > 0) return undefined;
  return report.message?.trim() || 'the runtime gave no reason';
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
