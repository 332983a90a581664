/**
 * Starts supervisors through a small shell that runs beside the server: to fork the server itself copies the tables of
 * its memory, milliseconds of its only thread for each start. The shell is in the runtime's mount namespace already,
 * starts one supervisor after the other, and ends with the server. Supervisors leave its process tree at once.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
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
  /** Entered before anything else; undefined for the server's own. */
  mountNamespace: string | undefined;
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
  /** What conmon reported: nothing yet, that the first process is there, or why there will be none. */
  report(): { state: 'none' | 'made' } | { state: 'failed'; why: string };
  /** It has heard all its words, or is gone. */
  release(): void;
}

/**
 * The shell's whole program. A file and no pipe takes conmon's report: conmon ends when it cannot deliver it, and the
 * server may be gone by then. The word's pipe is opened for both directions first, so that nothing can keep the shell
 * waiting; the supervisor gets only the end that is read.
 */
const SCRIPT = `
while
  IFS= read -r name && IFS= read -r folder && IFS= read -r ticket && IFS= read -r log && IFS= read -r word
do
  "$1" --cid "$name" --cuuid "$name" --name "$name" --runtime "$2" --runtime-arg "--root=$4" \\
    --bundle "$3/$name" --container-pidfile "$3/$name/pid" --conmon-pidfile "$folder/supervisor.pid" \\
    --persist-dir "$3/$name" --exit-dir "$5" --log-path "k8s-file:$log" --full-attach \\
    ${REPORT_FD}>>"$3/$name/report" 6<>"$word" ${WORD_FD}<"$word" 6<&- ${TICKET_FOLDER_FD}<"$ticket" </dev/null
done`;

export class Launcher {
  readonly #options: LauncherOptions;
  readonly #words: Words;
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
    const input = this.#input();
    const pipe = this.#words.take();
    input.write([...lines, pipe.path].map((line) => `${line}\n`).join(''));
    // The exit is recorded twice: in memory first, where a full disk cannot stop it.
    return supervisor(plan.name, pipe, join(this.#options.bundlesFolder, plan.name, 'report'));
  }

  /** Resolves when it has started all that it was told of, and ended. */
  async close(): Promise<void> {
    const shell = this.#shell;
    if (!shell) return;
    shell.ref();
    shell.stdin!.end();
    await once(shell, 'exit', { signal: AbortSignal.timeout(CLOSE_WAIT_MS) }).catch(() => undefined);
  }

  #input(): Writable {
    this.#shell ??= this.#startShell();
    return this.#shell.stdin!;
  }

  #startShell(): ChildProcess {
    const { conmon, wrapper, bundlesFolder, stateFolder, exitsFolder, mountNamespace } = this.#options;
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
    const enter = mountNamespace
      ? [findProgram('nsenter') ?? 'nsenter', `--mount=${mountNamespace}`, '--']
      : [];
    const [program, ...args] = [...enter, ...shell];
    const child = spawn(program!, args, {
      cwd: '/',
      // Its own session: a Ctrl-C for the server is none for what it starts.
      detached: true,
      // The supervisor and its runtime need a path and the descriptor to report on; no secret goes this way.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin', _OCI_SYNCPIPE: String(REPORT_FD) },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Whom it did not start any more is missed by whoever waits for it; the next one gets a new shell.
    const forget = (): void => {
      if (this.#shell === child) this.#shell = undefined;
    };
    child.once('error', forget);
    child.once('exit', forget);
    // There is none where the server may not open another file.
    if (!child.stdin) throw new Error('the shell that starts supervisors could not be started');
    child.stdin.on('error', forget);
    child.unref();
    (child.stdin as Writable & { unref(): void }).unref();
    return child;
  }
}

function supervisor(name: string, pipe: Pipe, reportFile: string): Supervisor {
  return {
    name,
    say(word) {
      pipe.say(word);
      if (word === 'go') crashPoint('supervisor-released');
    },
    report: () => readReport(reportFile),
    release: () => pipe.release(),
  };
}

/** conmon reports once: the process id, or a negative number with what the runtime printed. */
function readReport(file: string): ReturnType<Supervisor['report']> {
  const line = readIfThere(file).split('\n', 1)[0]!;
  if (!line.endsWith('}')) return { state: 'none' };
  const report = JSON.parse(line) as { data?: number; pid?: number; message?: string };
  if ((report.data ?? report.pid ?? -1) > 0) return { state: 'made' };
  return { state: 'failed', why: report.message?.trim() || 'the runtime gave no reason' };
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
