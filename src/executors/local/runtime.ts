/**
 * The seam to the programs that make an instance: a supervisor (conmon) and an OCI runtime (crun or runc). This is the
 * one file of this executor that starts processes. Argument arrays only; the one shell script is fixed text.
 *
 * conmon calls its runtime as `create`; the wrapper turns that into `run --detach`. So one spawn makes, starts and
 * supervises an instance, and there is no state in which it is made but waits for the server to start it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { crashPoint } from '../../shared/crash-points.ts';

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

export interface Launch {
  id: string;
  bundle: string;
  /** State of the runtime: one folder for all instances. */
  stateFolder: string;
  supervisorPidFile: string;
  pidFile: string;
  exitsFolder: string;
  logFile: string;
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

/** Writes the wrapper that conmon calls as its runtime. @param joinFiles with `$id` for the instance's id */
export function writeWrapper(file: string, choice: RuntimeChoice, joinFiles: string[]): void {
  const enter = choice.mountNamespace ? `nsenter --mount=${choice.mountNamespace} -- ` : '';
  const disabled = choice.joinsCgroup && choice.name === 'crun' ? ' --cgroup-manager=disabled' : '';
  const join = joinFiles.map((path) => `echo 0 > "${path}" || exit 1`);
  const script = [
    '#!/bin/sh',
    '# Called by conmon: wrapper --root=FOLDER create ... ID. The instance joins its limits before anything of it runs.',
    'root=$1; shift 2',
    'for id; do :; done',
    ...(choice.joinsCgroup ? join : []),
    `exec ${enter}${choice.path}${disabled} "$root" run --detach "$@"`,
    '',
  ];
  writeFileSync(file, script.join('\n'), { mode: 0o755 });
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

/**
 * Starts the supervisor, which leaves the server's process tree at once.
 * Resolves when the runtime has started the first process; rejects with the runtime's own words when it could not.
 */
export function launch(conmon: string, wrapper: string, what: Launch): Promise<void> {
  const child = spawn(
    conmon,
    [
      ...['--cid', what.id, '--cuuid', what.id, '--name', what.id],
      ...['--runtime', wrapper, `--runtime-arg=--root=${what.stateFolder}`],
      ...[
        '--bundle',
        what.bundle,
        '--container-pidfile',
        what.pidFile,
        '--conmon-pidfile',
        what.supervisorPidFile,
      ],
      ...['--exit-dir', what.exitsFolder, '--log-path', `k8s-file:${what.logFile}`, '--full-attach'],
    ],
    {
      cwd: '/',
      detached: true,
      // The supervisor and its runtime need a path and the descriptor to report on; no secret goes this way.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin', _OCI_SYNCPIPE: '3' },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    },
  );
  child.unref();
  crashPoint('supervisor-spawned');
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error('the supervisor could not be started', { cause })));
    readReport(child.stdio[3] as Readable).then(resolve, reject);
  });
}

/** conmon reports once: the process id, or a negative number with what the runtime printed. */
function readReport(pipe: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      text += chunk;
    });
    const settle = (): void => {
      const line = text.split('\n').find((one) => one.startsWith('{'));
      if (!line) {
        reject(new Error('the supervisor ended without a report'));
        return;
      }
      const report = JSON.parse(line) as { data?: number; pid?: number; message?: string };
      if ((report.data ?? report.pid ?? -1) > 0) resolve();
      else reject(new Error(report.message?.trim() || 'the runtime gave no reason'));
    };
    pipe.on('data', () => {
      if (text.includes('\n')) {
        settle();
        pipe.destroy();
      }
    });
    pipe.on('end', settle);
    pipe.on('error', reject);
  });
}
