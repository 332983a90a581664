/** `podman run`, as a person would type it, with the limits and the user that Errand's instances have. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, versionOf } from '../programs.ts';
import { makeImage } from './image.ts';

export class Podman {
  readonly version: string;
  readonly #program: string;
  readonly #storage: string[];

  private constructor(program: string, storage: string[]) {
    this.#program = program;
    this.#storage = storage;
    this.version = versionOf(program).replace(/^podman version /, '');
  }

  /** Prepares an image in a store of its own below `folder`. @throws when it cannot */
  static open(folder: string): Podman {
    const program = findProgram('podman');
    if (!program) throw new Error('podman is not installed');
    const home = join(folder, 'podman');
    mkdirSync(home, { recursive: true });
    const storage = [
      ...['--root', join(home, 'root'), '--runroot', join(home, 'run'), '--tmpdir', join(home, 'tmp')],
      ...[
        '--cgroup-manager',
        'cgroupfs',
        '--events-backend',
        'none',
        '--runtime',
        findProgram('runc') ?? 'runc',
      ],
    ];
    execFileSync(program, [...storage, 'import', makeImage(folder), 'errand-bench:latest'], {
      stdio: 'pipe',
    });
    return new Podman(program, storage);
  }

  /** From the call to its end, the container removed. */
  async run(command: string): Promise<{ finalMs: number; firstLineMs?: number }> {
    const startedMs = performance.now();
    const child = spawn(
      this.#program,
      [
        ...[...this.#storage, 'run', '--rm', '--network', 'none', '--user', '64000:64000'],
        ...['--memory', '512m', '--memory-swap', '512m', '--cpus', '0.5', '--pids-limit', '512'],
        ...['--cap-drop', 'all', '--security-opt', 'no-new-privileges'],
        // Its own defaults raise limits, for which some hosts lack the privilege.
        ...['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'],
        ...['errand-bench:latest', '/bin/bash', '-c', command],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let firstLineMs: number | undefined;
    let said = '';
    child.stdout.on('data', () => {
      firstLineMs ??= performance.now() - startedMs;
    });
    child.stderr.on('data', (text) => {
      said += text;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    const finalMs = performance.now() - startedMs;
    if (code !== 0) throw new Error(`podman run: exit ${code}: ${said.trim()}`);
    return { finalMs, ...(firstLineMs === undefined ? {} : { firstLineMs }) };
  }
}
