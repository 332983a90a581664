/** A real sshd on loopback, at a port of its own, that lets one key in and runs git for it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

export class SshGitServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'errand-sshd-'));
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    this.newHostKey();
    this.#makeKey('client');
    const publicKey = readFileSync(join(this.folder, 'client.pub'), 'utf8');
    writeFileSync(join(this.folder, 'authorized_keys'), publicKey, { mode: 0o600 });
    writeFileSync(
      join(this.folder, 'sshd_config'),
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${this.folder}/host`,
        `AuthorizedKeysFile ${this.folder}/authorized_keys`,
        `PidFile ${this.folder}/pid`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'PermitRootLogin prohibit-password',
        // Repositories of tests may be another user's.
        'SetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*',
      ].join('\n'),
    );
  }

  static async start(): Promise<SshGitServer> {
    const server = new SshGitServer(await freePort());
    await server.run();
    return server;
  }

  get privateKey(): string {
    return readFileSync(join(this.folder, 'client'), 'utf8');
  }

  /** A line for `known_hosts`. */
  get knownHosts(): string {
    const [type, key] = readFileSync(join(this.folder, 'host.pub'), 'utf8').split(' ');
    return `[localhost]:${this.port} ${type} ${key}\n`;
  }

  url(path: string): string {
    return `ssh://root@localhost:${this.port}${path}`;
  }

  newHostKey(): void {
    this.#makeKey('host');
  }

  async run(): Promise<void> {
    // Where sshd drops its privileges; packages leave making it to the system's start.
    mkdirSync('/run/sshd', { recursive: true });
    this.#process = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(this.folder, 'sshd_config')], {
      stdio: 'ignore',
    });
    await eventually(() => this.#isListening(), { what: 'sshd to listen' });
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGTERM');
    await exited;
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  #makeKey(name: string): void {
    const file = join(this.folder, name);
    for (const one of [file, `${file}.pub`]) rmSync(one, { force: true });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  }

  #isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  }
}
