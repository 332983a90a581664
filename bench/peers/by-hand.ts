/** The side of the bench that gives orders to the loop of bare parts, which runs in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export type HandKind = 'crun' | 'runc' | 'bwrap' | 'bwrap-alone';

export interface HandSetup {
  kind: HandKind;
  /** Folder on disk. */
  folder: string;
  /** Folder in memory, for what Errand keeps there too: bundles and the shared view of the host. */
  memory: string;
  program: string;
  conmon: string;
}

/** What to run, and with which limits. */
export interface HandCommand {
  command: string;
  /** The lower layer of the project's overlay. */
  tree: string;
  memoryBytes: number;
  cpuMillis: number;
  wantsFirstLine?: boolean;
}

export interface HandOrder extends HandCommand {
  number: number;
  setup: HandSetup;
  loop?: { count: number; concurrency: number };
}

export interface HandReply {
  timing?: Timing;
  ms?: number;
  error?: string;
}

export interface Timing {
  firstLineMs?: number;
  finalMs: number;
  exitCode: number;
}

export class ByHandLoop {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #memory: string;
  readonly #programs: Record<'conmon' | 'crun' | 'runc' | 'bwrap', string | undefined>;
  readonly #waiting = new Map<number, (reply: HandReply) => void>();
  #count = 0;

  constructor(folder: string, programs: Record<'conmon' | 'crun' | 'runc' | 'bwrap', string | undefined>) {
    this.#programs = programs;
    this.#folder = join(folder, 'by-hand');
    mkdirSync(this.#folder, { recursive: true });
    this.#memory = mkdtempSync(`${existsSync('/run') ? '/run' : '/dev/shm'}/errand-bench-`);
    // The unprivileged user of bwrap has to reach what it mounts.
    for (const path of [folder, this.#folder, this.#memory]) chmodSync(path, 0o711);
    const script = `
      if mountpoint -q /sys/fs/cgroup/unified; then umount -l /sys/fs/cgroup/unified; fi
      exec "$0" --disable-warning=ExperimentalWarning "$1"`;
    this.#child = spawn(
      'unshare',
      [
        ...['--mount', '--propagation', 'slave', '/bin/sh', '-c', script],
        ...[process.execPath, join(import.meta.dirname, 'by-hand-loop.ts')],
      ],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    this.#child.on('message', (reply: HandReply & { number: number }) => {
      this.#waiting.get(reply.number)?.(reply);
      this.#waiting.delete(reply.number);
    });
    this.#child.on('exit', (code) => {
      for (const settle of this.#waiting.values()) settle({ error: `the loop by hand ended with ${code}` });
    });
  }

  /** One command, timed within the loop. @throws when it fails */
  async run(kind: HandKind, command: HandCommand): Promise<Timing> {
    const { timing } = await this.#order(kind, command);
    return timing!;
  }

  /** `count` commands, `concurrency` at once. @returns commands per second */
  async rate(kind: HandKind, command: HandCommand, count: number, concurrency: number): Promise<number> {
    const { ms } = await this.#order(kind, command, { count, concurrency });
    return (count * 1000) / ms!;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await ended;
    rmSync(this.#memory, { recursive: true, force: true });
  }

  async #order(kind: HandKind, command: HandCommand, loop?: HandOrder['loop']): Promise<HandReply> {
    this.#count += 1;
    const number = this.#count;
    const setup: HandSetup = {
      kind,
      folder: join(this.#folder, kind),
      memory: join(this.#memory, kind),
      program: this.#programs[kind === 'bwrap-alone' ? 'bwrap' : kind]!,
      conmon: this.#programs.conmon!,
    };
    for (const path of [setup.folder, setup.memory]) mkdirSync(path, { recursive: true, mode: 0o711 });
    const reply = await new Promise<HandReply>((resolve) => {
      this.#waiting.set(number, resolve);
      this.#child.send({ ...command, number, setup, ...(loop ? { loop } : {}) } satisfies HandOrder);
    });
    if (reply.error) throw new Error(`${kind} by hand: ${reply.error}`);
    return reply;
  }
}
