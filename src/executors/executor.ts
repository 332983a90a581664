/**
 * The executor contract: the part that makes instances on one kind of engine. An instance is the isolated place in
 * which one command runs once. Everything that a running instance needs lives outside the server's process, and all
 * that is known of it can be found again by its id alone, so a server that starts anew picks up where the old stood.
 *
 * Once: the first process inside an instance takes a *ticket* (a file created with O_EXCL) before it executes the
 * command. `claim` takes the same ticket from outside: whoever has it decides, and there is one of it.
 */
import type { Secret } from '../shared/secret.ts';

/** What an instance is made of. Everything in it is frozen: it comes from a job's snapshot or a deploy. */
export interface InstanceSpec {
  /** The job's or the deploy's id; every object of the engine is named from it. */
  id: string;
  /** One shell command, up to 256 KiB. */
  command: string;
  environment: Record<string, Secret>;
  /** Mounted read-only at /etc/secrets/NAME. */
  secretFiles: { name: string; content: Secret }[];
  /** The project directory: an immutable artifact under a layer of the instance's own, or a folder that it writes. */
  project: { kind: 'artifact'; tree: string } | { kind: 'writable'; tree: string; cache: string };
  /** Below the project directory; '' for the project directory itself. */
  workingDirectory: string;
  limits: InstanceLimits;
  /** Reaches the host's network whatever the executor's setting is: for what the server itself wants fetched. */
  needsNetwork?: boolean;
  /** Where the supervisor writes the output: one line per record, with time and stream. The folder exists. */
  logFile: string;
}

export interface InstanceLimits {
  memoryBytes: number;
  /** Thousandths of a CPU. */
  cpuMillis: number;
  /** Processes and threads. */
  pids: number;
}

/** How a command ended. */
export interface ExitStatus {
  exitCode: number;
  /** Name such as SIGKILL when a signal ended the command. */
  signal?: string;
  oomKilled: boolean;
  finishedAt: string;
}

export type InstanceState =
  /** Nothing of it is there. */
  | { state: 'absent' }
  /** Something of it is there, and the ticket is not taken. */
  | { state: 'unstarted' }
  /** The ticket was taken from outside: its command never ran and never will. */
  | { state: 'claimed' }
  | { state: 'running'; startedAt: string }
  | { state: 'exited'; startedAt: string; exit: ExitStatus }
  /** The command started, and no supervisor and no record of its end are there. */
  | { state: 'lost'; startedAt: string };

/** The instance could not be made. The command did not run and never will from this attempt. */
export class StartFailedError extends Error {}

/** Whether a job or deploy is this executor's to follow and to judge: it started it, or nobody is known to have. */
export function isOf({ name }: Pick<Executor, 'name'>, { engine }: { engine: string | null }): boolean {
  return engine === null || engine === name;
}

export interface Executor {
  readonly name: 'local' | 'process' | 'docker' | 'kubernetes';
  /**
   * Makes the instance and starts its command; resolves when the command has started, with that instant.
   * Two calls for one id: at most one runs the command.
   * @throws StartFailedError when the command did not start and never will; any other error leaves it undecided: ask
   * `inspect`
   */
  start(spec: InstanceSpec): Promise<{ startedAt: string }>;
  /**
   * Resolves when the instance is over: exited with its output complete on disk, or lost. Rejects when
   * `serverStop` aborts, which leaves the instance alone.
   */
  wait(id: string, serverStop: AbortSignal): Promise<Extract<InstanceState, { state: 'exited' | 'lost' }>>;
  /** What is there, from the engine and the disk, without changing it. */
  inspect(id: string): Promise<InstanceState>;
  /** Takes the ticket from outside. True: the command never ran and never will. False: it was taken already. */
  claim(id: string): Promise<boolean>;
  /** Sends the signal to every process of the instance; nothing when it is over. */
  signal(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Ends what is left and removes every trace but the log file. Idempotent; afterwards `inspect` says absent. */
  destroy(id: string): Promise<void>;
  /** Gives the files of a tree to the user of instances, as a build command's own are from the first. */
  giveTree(tree: string): Promise<void>;
  /** Ids of everything of this executor that is on the machine. */
  list(): Promise<string[]>;
  /**
   * Removes what an instance wrote that is over, as far as that goes in some seconds, and keeps what tells of its end:
   * the room is needed.
   */
  shed(id: string): Promise<void>;
  /** Folders of this host that hold what the instance writes, besides a project that it was given to write. */
  folders(id: string): string[];
  /** Gives a running instance another share of CPU; nothing where the engine cannot, or the instance is over. */
  limitCpu(id: string, cpuMillis: number): Promise<void>;
  /** Memory and CPU in use right now; undefined when the instance is over. */
  usage(id: string): Promise<{ memoryBytes: number; cpuSeconds: number } | undefined>;
  /**
   * Where instances share the host's network: keeps the server's port from them, also while no server runs. Whoever
   * listens there must share the port (SO_REUSEPORT).
   * @throws EADDRINUSE when another server listens there; any other error when the port cannot be kept
   */
  guardPort?(port: number): Promise<void>;
  /** Releases watchers; instances go on. */
  close(): Promise<void>;
}
