/**
 * Starts supervisors through a small shell that runs beside the server: to fork the server itself copies the tables of
 * its memory, milliseconds of its only thread for each start. The shell starts one supervisor after the other, and ends
 * with the server. Supervisors leave its process tree at once.
 *
 * It has a mount namespace of its own, which they inherit: what is mounted for an instance never reaches the host, and
 * the host's later mounts still reach later instances. There a data folder that is mounted noexec may be executed from:
 * builds and jobs run programs that lie in it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { unlessAbsent } from '../../shared/absence.ts';
import { crashPoint } from '../../shared/crash-points.ts';
import { findProgram, REPORT_FD, TICKET_FOLDER_FD } from './runtime.ts';
import { WORD_FD } from './spec.ts';
import type { Pipe, Word, Words } from './words.ts';

/** It starts a supervisor in milliseconds. */
const CLOSE_WAIT_MS = 5000;

export interface LauncherOptions {
  conmon: string;
  wrapper: string;
  /** Each supervisor's bundle lies in it under its name. */
  bundlesFolder: string;
  /** State of the runtime: one folder for all instances. */
  stateFolder: string;
  exitsFolder: string;
  /** Where the shell's own complaints go. */
  words: string;
  /** Files to which the shell writes 0 to join the cgroup of all supervisors; none: it stays in the server's. */
  joinFiles: string[];
  /** Unmounted in its own namespace: where the runtime refuses to see it. */
  hiddenMounts: string[];
  /** Mounted noexec, and executable in its own namespace. */
  madeExecutable: string[];
  /** Folders that are also seen at another place in its own namespace, without what is mounted below them. */
  bareViews: BareView[];
}

export interface BareView {
  folder: string;
  place: string;
}

/** What the shell is told of one supervisor. */
export interface SupervisorPlan {
  /** Names the cgroup, the bundle, the runtime's state and the exit record. */
  name: string;
  /** Where its process id is written. */
  folder: string;
  /** In which the first process of its instance takes the ticket. */
  ticketFolder: string;
  logFile: string;
}

/** A supervisor that waits for a word, or has been let go. */
export interface Supervisor {
  readonly name: string;
  say(word: Word): void;
  /** Whether it was started, with its process id and log in place. */
  readonly isLaunched: boolean;
  /** Whether the shell ended with no word of it: then it will not come, for no fault of its own. */
  readonly isLost: boolean;
  /** Resolves when it is launched, or when it never will be. */
  readonly launched: Promise<void>;
  /** What conmon reported: nothing yet, that the first process is there, or why there will be none. */
  report(): { state: 'none' | 'made' } | { state: 'failed'; why: string };
  /** What conmon, or the shell that was to start it, complained of last; '' when they did not. */
  complaint(): string;
  /** It has heard all its words, or is gone. */
  release(): void;
}

/** The shell's first words: told of paths, one a line, and an empty one after the last of a kind. */
const PREPARE = `
while IFS= read -r file && [ -n "$file" ]; do echo 0 > "$file" || exit 1; done
while IFS= read -r folder && [ -n "$folder" ]; do umount "$folder" || exit 1; done
while IFS= read -r folder && [ -n "$folder" ]; do
  mount --rbind "$folder" "$folder" && mount -o remount,bind,exec,nosuid,nodev "$folder" || exit 1
done
while IFS= read -r folder && [ -n "$folder" ] && IFS= read -r place; do
  mount --bind "$folder" "$place" && mount --make-private "$place" || exit 1
done`;

/**
 * The shell's whole program. A file and no pipe takes conmon's report: conmon ends when it cannot deliver it, and the
 * server may be gone by then. The word's pipe is opened for both directions first, so that nothing can keep the shell
 * waiting; the supervisor gets only the end that is read.
 */
// The exit is recorded twice: in memory first, where a full disk cannot stop it.
const SCRIPT = `${PREPARE}
while
  IFS= read -r name && IFS= read -r folder && IFS= read -r ticket && IFS= read -r log && IFS= read -r word
do
  "$1" --cid "$name" --cuuid "$name" --name "$name" \\
    --runtime /bin/sh --runtime-arg "$2" --runtime-arg "--root=$4" \\
    --bundle "$3/$name" --container-pidfile "$3/$name/pid" --conmon-pidfile "$folder/supervisor.pid" \\
    --persist-dir "$3/$name" --exit-dir "$5" --log-path "k8s-file:$log" --full-attach \\
    ${REPORT_FD}>>"$3/$name/report" 6<>"$word" ${WORD_FD}<"$word" 6<&- ${TICKET_FOLDER_FD}<"$ticket" </dev/null >/dev/null 2>>"$3/$name/words"
  echo "$name"
done`;

export class Launcher {
  readonly #options: LauncherOptions;
  readonly #words: Words;
  /** Asked for and not answered yet. */
  readonly #asked = new Map<string, () => void>();
  readonly #lost = new Set<string>();
  #shell: ChildProcess | undefined;

  /** @throws when a path cannot be told to the shell */
  constructor(options: LauncherOptions, words: Words) {
    this.#options = options;
    this.#words = words;
  }

  /** Starts a supervisor, which waits for its first word. @throws when it cannot be asked for */
  start(plan: SupervisorPlan): Supervisor {
    const lines = [plan.name, plan.folder, plan.ticketFolder, plan.logFile];
    const unfit = lines.find((line) => line.includes('\n'));
    if (unfit !== undefined)
      throw new Error(`${JSON.stringify(unfit)}: a path must not contain a line break`);
    const shell = this.#runningShell();
    const pipe = this.#words.take();
    const launched = new Promise<void>((resolve) => this.#asked.set(plan.name, resolve));
    // Only an answer that is still to come keeps this process alive.
    (shell.stdout as Socket).ref();
    shell.stdin!.write([...lines, pipe.path].map((line) => `${line}\n`).join(''));
    return this.#supervisor(plan.name, pipe, launched);
  }

  /** Resolves when it has started all that it was told of, and ended. */
  async close(): Promise<void> {
    const shell = this.#shell;
    if (!shell) return;
    shell.ref();
    shell.stdin!.end();
    const ended = once(shell, 'exit');
    const timer = setTimeout(() => shell.kill('SIGKILL'), CLOSE_WAIT_MS);
    await ended;
    clearTimeout(timer);
  }

  #runningShell(): ChildProcess {
    this.#shell ??= this.#startShell();
    return this.#shell;
  }

  #startShell(): ChildProcess {
    const { conmon, wrapper, bundlesFolder, stateFolder, exitsFolder, words } = this.#options;
    const { joinFiles, hiddenMounts, madeExecutable, bareViews } = this.#options;
    const shell = [
      '/bin/sh',
      '-c',
      SCRIPT,
      'errand',
      conmon,
      wrapper,
      bundlesFolder,
      stateFolder,
      exitsFolder,
    ];
    const args = ['--mount', '--propagation', 'slave', '--', ...shell];
    const said = openSync(words, 'w', 0o600);
    const child = spawn(findProgram('unshare') ?? 'unshare', args, {
      cwd: '/',
      // Its own session: a Ctrl-C for the server is none for what it starts.
      detached: true,
      // The supervisor and its runtime need a path and the descriptor to report on; no secret goes this way.
      // conmon refuses arguments that are no text in its locale.
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin',
        LC_ALL: 'C.UTF-8',
        _OCI_SYNCPIPE: String(REPORT_FD),
      },
      stdio: ['pipe', 'pipe', said],
    });
    closeSync(said);
    // Whom it did not start any more will never come; the next one gets a new shell.
    const forget = (): void => {
      if (this.#shell !== child) return;
      this.#shell = undefined;
      for (const name of [...this.#asked.keys()]) {
        this.#lost.add(name);
        this.#answer(name);
      }
    };
    child.once('error', forget);
    child.once('exit', forget);
    // There is none where the server may not open another file.
    if (!child.stdin || !child.stdout) {
      throw new Error('the shell that starts supervisors could not be started');
    }
    child.stdin.on('error', forget);
    const views = bareViews.flatMap(({ folder, place }) => [folder, place]);
    const prepared = [joinFiles, hiddenMounts, madeExecutable, views].flatMap((paths) => [...paths, '']);
    child.stdin.write(prepared.map((line) => `${line}\n`).join(''));
    createInterface({ input: child.stdout }).on('line', (name) => this.#answer(name));
    child.unref();
    for (const pipe of [child.stdin, child.stdout]) (pipe as Socket).unref();
    return child;
  }

  #answer(name: string): void {
    this.#asked.get(name)?.();
    this.#asked.delete(name);
    if (this.#asked.size === 0) (this.#shell?.stdout as Socket | undefined)?.unref();
  }

  #supervisor(name: string, pipe: Pipe, launched: Promise<void>): Supervisor {
    const reportFile = join(this.#options.bundlesFolder, name, 'report');
    const wordsFile = join(this.#options.bundlesFolder, name, 'words');
    const isAsked = (): boolean => this.#asked.has(name);
    const isLost = (): boolean => this.#lost.has(name);
    return {
      name,
      launched,
      get isLaunched() {
        return !isAsked() && !isLost();
      },
      get isLost() {
        return isLost();
      },
      say(word) {
        pipe.say(word);
        if (word === 'go') crashPoint('supervisor-released');
      },
      report: () => readReport(reportFile),
      complaint: () => lastWords(wordsFile) || lastWords(this.#options.words),
      release: () => {
        this.#lost.delete(name);
        pipe.release();
      },
    };
  }
}

/** conmon reports once: the process id, or a negative number with what the runtime printed. */
function readReport(file: string): ReturnType<Supervisor['report']> {
  const line = readIfThere(file).split('\n', 1)[0]!;
  if (!line.endsWith('}')) return { state: 'none' };
  const report = JSON.parse(line) as { data?: number; pid?: number; message?: string };
  if ((report.data ?? report.pid ?? -1) > 0) return { state: 'made' };
  return { state: 'failed', why: report.message?.trim() || 'the runtime gave no reason' };
}

/** The end of what a program complained of, on one line; without the marks that conmon puts before a level. */
function lastWords(file: string): string {
  const lines = readIfThere(file).split('\n').filter(Boolean).slice(-3);
  return lines.map((line) => line.replace(/^\[conmon:\w\]: /, '').trim()).join('; ');
}

function readIfThere(file: string): string {
  return unlessAbsent(() => readFileSync(file, 'utf8')) ?? '';
}
