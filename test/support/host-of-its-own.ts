/**
 * A host for one test: the machine's own /etc in a copy that may be changed, and an /opt, for a server that runs in a
 * mount namespace in which they take the place of the machine's.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

const PROGRAM = join(import.meta.dirname, '..', 'fixtures', 'programs', 'runs-one-job-a-line.ts');

export interface JobThere {
  output: string;
  wasMadeAhead: boolean;
}

export class HostOfItsOwn {
  /** What stands at /etc and /opt there. */
  readonly etc: string;
  readonly opt: string;
  readonly #folder: string;
  #server: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;
  #reader: Interface | undefined;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'errand-host-'));
    this.etc = join(this.#folder, 'etc');
    this.opt = join(this.#folder, 'opt');
    execFileSync('cp', ['-a', '/etc', this.etc]);
    mkdirSync(this.opt);
    mkdirSync(join(this.#folder, 'data', 'tree'), { recursive: true });
  }

  /** Starts a server. @param before shell commands that run there first */
  start(before = 'true'): void {
    // Shared as on a stock distribution, so that what is mounted later reaches namespaces that were made before.
    const script = `mount --make-rshared / && mount --bind "$1" /etc && mount --bind "$2" /opt && { ${before}; } && shift 2 && exec "$@"`;
    const program = [process.execPath, PROGRAM, join(this.#folder, 'data')];
    this.#server = spawn(
      'unshare',
      ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', this.etc, this.opt, ...program],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.#reader = createInterface({ input: this.#server.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Runs a job there to its end. @throws when the server ended */
  async run(command: string): Promise<JobThere> {
    this.#server!.stdin!.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#lines!.next();
    if (done) throw new Error('the server ended without an answer');
    return JSON.parse(value) as JobThere;
  }

  /** Runs a shell command of the machine among that server's mounts. */
  among(script: string): void {
    execFileSync('nsenter', [`--target=${this.#server!.pid}`, '--mount', 'sh', '-c', script]);
  }

  async close(): Promise<void> {
    if (this.#server && this.#server.exitCode === null) {
      const ended = once(this.#server, 'exit');
      this.#server.stdin!.end();
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
