/**
 * A Docker Engine by its API. Containers get the limits and the user that Errand's instances have; the network is a
 * choice, since Docker's default (a bridge) costs it most.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HttpClient } from '../http-client.ts';
import { findProgram } from '../programs.ts';
import { makeImage } from './image.ts';

const START_WAIT_MS = 60_000;
const IMAGE = 'errand-bench:latest';

export interface ContainerCommand {
  command: string;
  network: 'bridge' | 'none';
  memoryBytes: number;
  cpuMillis: number;
  /** A folder of the host, shown at /project. */
  tree?: string;
}

export class DockerEngine {
  readonly version: string;
  readonly #client: HttpClient;
  readonly #daemon: ChildProcess;
  readonly #firewall: string | undefined;
  readonly #hadBridge: boolean;

  private constructor(parts: {
    version: string;
    client: HttpClient;
    daemon: ChildProcess;
    firewall: string | undefined;
    hadBridge: boolean;
  }) {
    this.version = parts.version;
    this.#client = parts.client;
    this.#daemon = parts.daemon;
    this.#firewall = parts.firewall;
    this.#hadBridge = parts.hadBridge;
  }

  /** Starts a daemon of its own below `folder`. @throws when it cannot, with what it said last */
  static async start(folder: string): Promise<DockerEngine> {
    const dockerd = findProgram('dockerd');
    if (!dockerd) throw new Error('dockerd is not installed');
    const home = join(folder, 'docker');
    mkdirSync(home, { recursive: true });
    const iptables = findProgram('iptables-save');
    const firewall = iptables ? execFileSync(iptables, { encoding: 'utf8' }) : undefined;
    const hadBridge = existsSync('/sys/class/net/docker0');
    const logFile = join(home, 'log');
    const log = openSync(logFile, 'a');
    const socket = join(home, 'docker.sock');
    const daemon = spawn(
      dockerd,
      [
        ...['--data-root', join(home, 'data'), '--exec-root', join(home, 'exec')],
        ...[
          '--pidfile',
          join(home, 'pid'),
          '--host',
          `unix://${socket}`,
          `--iptables=${iptables !== undefined}`,
        ],
      ],
      { stdio: ['ignore', log, log] },
    );
    const client = new HttpClient(socket);
    const parts = { version: '', client, daemon, firewall, hadBridge };
    try {
      const { Version } = await untilUp(client, daemon, logFile);
      await client
        .json(
          'POST',
          `/images/create?fromSrc=-&repo=${IMAGE.split(':')[0]}&tag=latest`,
          createReadStream(makeImage(folder)),
        )
        .catch(() => undefined);
      await client.json('GET', `/images/${IMAGE}/json`);
      return new DockerEngine({ ...parts, version: Version });
    } catch (error) {
      await new DockerEngine(parts).stop();
      throw error;
    }
  }

  /** Create, start and wait; then, outside the time, read the log and remove. */
  async run(what: ContainerCommand): Promise<{ finalMs: number; removedMs: number; firstLineMs?: number }> {
    const startedMs = performance.timeOrigin + performance.now();
    const since = (): number => performance.timeOrigin + performance.now() - startedMs;
    const { Id } = await this.#client.json<{ Id: string }>('POST', '/containers/create', container(what));
    // Asked before the start: the answer then comes with the end itself.
    const ended = this.#client.json<{ StatusCode: number }>(
      'POST',
      `/containers/${Id}/wait?condition=next-exit`,
    );
    await this.#client.json('POST', `/containers/${Id}/start`);
    const { StatusCode } = await ended;
    const finalMs = since();
    if (StatusCode !== 0) throw new Error(`docker: ${what.command}: exit ${StatusCode}`);
    const { bytes } = await this.#client.request(
      'GET',
      `/containers/${Id}/logs?stdout=1&timestamps=1&tail=1`,
    );
    await this.#client.json('DELETE', `/containers/${Id}`);
    const removedMs = since();
    const stamp = /(\S+Z) /.exec(bytes.subarray(8).toString('utf8'))?.[1];
    return {
      finalMs,
      removedMs,
      ...(stamp ? { firstLineMs: epochMs(stamp) - startedMs } : {}),
    };
  }

  /** Ends the daemon and puts the host's network back as it was. */
  async stop(): Promise<void> {
    this.#client.close();
    const ended = new Promise((resolve) => this.#daemon.once('exit', resolve));
    if (this.#daemon.exitCode === null && this.#daemon.kill('SIGTERM')) {
      await Promise.race([ended, delay(20_000, undefined, { ref: false })]);
    }
    if (this.#daemon.exitCode === null) this.#daemon.kill('SIGKILL');
    if (!this.#hadBridge) spawnSync('ip', ['link', 'delete', 'docker0'], { stdio: 'ignore' });
    if (this.#firewall !== undefined) spawnSync('iptables-restore', { input: this.#firewall });
  }
}

async function untilUp(client: HttpClient, daemon: ChildProcess, log: string): Promise<{ Version: string }> {
  const deadline = Date.now() + START_WAIT_MS;
  for (;;) {
    try {
      return await client.json<{ Version: string }>('GET', '/version');
    } catch (error) {
      if (daemon.exitCode !== null || Date.now() > deadline) {
        const last = readFileSync(log, 'utf8').trim().split('\n').at(-1);
        throw new Error(`dockerd does not start: ${last}`, { cause: error });
      }
    }
    await delay(100);
  }
}

function container({ command, network, memoryBytes, cpuMillis, tree }: ContainerCommand): unknown {
  return {
    Image: IMAGE,
    Cmd: ['/bin/bash', '-c', command],
    Env: ['PATH=/bin'],
    User: '64000:64000',
    WorkingDir: '/project',
    HostConfig: {
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      NanoCpus: cpuMillis * 1_000_000,
      PidsLimit: 512,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      NetworkMode: network,
      LogConfig: { Type: 'json-file' },
      ...(tree ? { Binds: [`${tree}:/project:ro`] } : {}),
    },
  };
}

/** Milliseconds of the epoch of a time with nanoseconds. */
function epochMs(stamp: string): number {
  const fraction = /\.(\d+)Z/.exec(stamp)?.[1] ?? '0';
  return Date.parse(stamp.replace(/\.\d+/, '')) + Number(`0.${fraction}`) * 1000;
}
