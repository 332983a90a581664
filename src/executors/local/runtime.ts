/**
 * The seam to the programs that make an instance: a supervisor (conmon) and an OCI runtime (crun or runc). Argument
 * arrays only; the shell scripts are fixed texts. Supervisors are started by `launcher.ts`.
 *
 * conmon calls its runtime as `create`; the wrapper turns that into `run --detach`. So one spawn makes, starts and
 * supervises an instance, and there is no state in which it is made but has to be started through the runtime.
 *
 * What is started waits twice for a word of the server: the wrapper, in its cgroup, for the bundle to be complete; the
 * instance's first process for the job. So the slow parts can be done before there is a job. When the server ends
 * before a word, whoever waits for it sees the end of its input, ends, and no command was run.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TICKET_FD, WORD_FD } from './spec.ts';

/** conmon reports what became of its runtime's call on this descriptor. */
export const REPORT_FD = 3;
/** The open folder of the ticket, until the runtime hands it on under the number that the instance knows. */
export const TICKET_FOLDER_FD = 5;

export interface RuntimeChoice {
  name: 'crun' | 'runc';
  path: string;
  /** True: the server makes the cgroup and the wrapper joins it. False: the runtime makes it. */
  joinsCgroup: boolean;
  /** True: it must not see the cgroup2 mount that hybrid hosts have beside the controllers, which crun refuses. */
  hidesUnified: boolean;
  /** Instances in a user namespace: what is left of privileges counts only inside. Old kernels lack overlays there. */
  userNamespace: boolean;
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
 */
export function writeWrapper(file: string, choice: RuntimeChoice, joinFiles: string[]): void {
  const disabled = choice.joinsCgroup && choice.name === 'crun' ? ' --cgroup-manager=disabled' : '';
  const lines = [
    '# Called by conmon: sh WRAPPER --root=FOLDER create ... ID. Joins the limits before anything of the instance runs.',
    '# Read by a shell and never executed itself: the folder that it lies in may be mounted noexec.',
    'root=$1; shift 2',
    'for id; do :; done',
    ...(choice.joinsCgroup ? joinFiles.map((path) => `echo 0 > "${path}" || exit 1`) : []),
    `read -r word <&${WORD_FD} && [ "$word" = make ] || exit 1`,
    '# Without its supervisor nobody would hear the instance.',
    'kill -0 "$PPID" || exit 1',
    '# An empty pipe for its input: conmon gives /dev/null, and crun hands what it is given to the user of the instance.',
    `exec ${choice.path}${disabled} "$root" run --detach --preserve-fds=2 "$@" ${TICKET_FD}<&${TICKET_FOLDER_FD} ${TICKET_FOLDER_FD}<&- <<END`,
    'END',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o644 });
}

/** The cgroup2 mount that hosts with the hybrid layout have beside those of the controllers. */
export const UNIFIED_BESIDE_CONTROLLERS = '/sys/fs/cgroup/unified';

/** Whether this is a host with the hybrid layout. */
export const isHybrid = (): boolean => existsSync(`${UNIFIED_BESIDE_CONTROLLERS}/cgroup.procs`);

/** Runs a program to its end. @throws with what it printed when it fails */
export function run(program: string, args: string[], timeoutMs = 20_000): string {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: timeoutMs,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status !== 0) {
    const said = (result.stderr || result.error?.message || `exit ${result.status}`).trim();
    throw new Error(`${program} failed: ${said}`);
  }
  return result.stdout;
}
