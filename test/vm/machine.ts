/**
 * A virtual machine under QEMU's software emulation, and commands in it by ssh on loopback. Each boot writes to an
 * overlay of its own, so the image stays as it was made. Emulation is 10 to 30 times slower than the machine below:
 * no time limit here is under 20 seconds.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

export interface MachineOptions {
  /** The folder of disk.img, vmlinuz, initrd and key. */
  image: string;
  /** A tar that the machine sees, read-only, as its second disk. */
  checkout: string;
  /** Where this machine's files are kept while it lives. */
  folder: string;
  /** Which hierarchies of control groups systemd mounts. */
  cgroups: 'unified' | 'hybrid';
  /** The machine's memory, in MB. */
  memory: number;
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

const BOOT_WITHIN_MS = 900_000;
const COMMAND_WITHIN_MS = 300_000;
/** Of the times in /proc, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export class Machine {
  private readonly options: MachineOptions;
  private sshPort = 0;
  private serverPort = 0;
  private qemu: ChildProcess | undefined;
  private connection: ChildProcess | undefined;
  private bootId = '';

  constructor(options: MachineOptions) {
    this.options = options;
  }

  /** Where the server in the machine answers once it listens on its port 8080. */
  get server(): string {
    return `http://127.0.0.1:${this.serverPort}`;
  }

  /** The command that enters it. */
  entrance(): string {
    return ['ssh', ...this.sshArguments(), 'root@127.0.0.1'].join(' ');
  }

  /** Boots from a fresh overlay. @throws when it does not come up */
  async boot(): Promise<void> {
    this.sshPort = await freePort();
    this.serverPort = await freePort();
    const disk = join(this.options.image, 'disk.img');
    const overlay = this.file('disk.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', disk, overlay]);
    this.startQemu();
    await this.connected();
  }

  /**
   * Runs a command with bash as root.
   * @param within its time limit in milliseconds
   * @param handOn gets what it prints, as it comes
   */
  async run(command: string, within = COMMAND_WITHIN_MS, handOn?: (text: string) => void): Promise<Ran> {
    const child = spawn('ssh', [...this.sshArguments(), 'root@127.0.0.1', `bash -c ${quoted(command)}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: within,
      killSignal: 'SIGKILL',
    });
    const ran: Ran = { code: null, stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        ran[name] += text;
        handOn?.(text);
      });
    }
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        ran.code = code;
        resolve();
      });
    });
    return ran;
  }

  /** The output of a command that must end well. @throws with all that it said */
  async output(command: string, within = COMMAND_WITHIN_MS): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, within);
    if (code === 0) return stdout.trimEnd();
    const end = code === null ? `was not over after ${within / 1000} s` : `ended with ${code}`;
    throw new Error(`${command}\n${end}\n${tail(stdout)}${tail(stderr)}`);
  }

  /** Restarts as an operator does, and waits until it is up again. */
  async reboot(): Promise<void> {
    await this.run('systemctl reboot --no-block');
    await this.connected();
  }

  /** As if the power had failed for a moment: nothing in the machine is told. */
  async reset(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const monitor = connectSocket(this.file('monitor'));
      monitor.once('error', reject).once('close', () => resolve());
      monitor.resume();
      monitor.end('{"execute":"qmp_capabilities"}\n{"execute":"system_reset"}\n');
    });
    await this.connected();
  }

  /** The seconds of CPU time that emulating it has taken: on an idle machine, about what it takes. */
  cpuSeconds(): number {
    // The name in parentheses may have spaces; after it come the state and, as 12th and 13th, user and system time.
    const fields = readFileSync(`/proc/${this.qemu?.pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Ends it at once. */
  stop(): void {
    this.connection?.kill('SIGKILL');
    this.qemu?.kill('SIGKILL');
  }

  private file(name: string): string {
    return join(this.options.folder, name);
  }

  private startQemu(): void {
    const { image, checkout, cgroups, memory } = this.options;
    const log = openSync(this.file('qemu.log'), 'a');
    const kernelArguments = ['root=/dev/vda', 'rw', 'console=ttyS0', 'net.ifnames=0', 'mitigations=off'];
    if (cgroups === 'hybrid') kernelArguments.push('systemd.unified_cgroup_hierarchy=0');
    // It ends with this process, however that ends; in a group of its own, so that Ctrl-C reaches this process alone.
    // One processor: with two, code that one of them writes anew while the other runs it is not always seen by the
    // other, and Node, which does that, was seen to crash. Little is lost, for emulating two is seldom faster.
    // Nehalem takes a fifth less to emulate than a processor with everything that QEMU knows.
    const qemu = [
      '--pdeathsig',
      'KILL',
      'qemu-system-x86_64',
      '-accel',
      'tcg,thread=multi',
      '-cpu',
      'Nehalem',
    ];
    this.qemu = spawn(
      'setpriv',
      [
        ...qemu,
        ...['-machine', 'q35', '-smp', '1', '-m', String(memory), '-display', 'none'],
        ...['-serial', `file:${this.file('console.log')}`],
        ...['-qmp', `unix:${this.file('monitor')},server=on,wait=off`],
        ...['-kernel', join(image, 'vmlinuz'), '-initrd', join(image, 'initrd')],
        ...['-append', kernelArguments.join(' ')],
        // What the guest wrote survives its reset, not this machine's: nothing is synced here.
        ...['-drive', `file=${this.file('disk.qcow2')},if=virtio,format=qcow2,cache=unsafe`],
        ...['-drive', `file=${checkout},if=virtio,format=raw,readonly=on`],
        ...['-netdev', `user,id=wire,hostfwd=tcp:127.0.0.1:${this.sshPort}-:22`],
        ...['-device', 'virtio-net-pci,netdev=wire', '-device', 'virtio-rng-pci'],
      ],
      { stdio: ['ignore', log, log], detached: true },
    );
    closeSync(log);
  }

  /** Waits for the next boot to answer by ssh and to have started all that it starts. */
  private async connected(): Promise<void> {
    const before = this.bootId;
    await eventually(
      async () => {
        if (this.qemu?.exitCode !== null) {
          throw new Error(`QEMU ended: ${readFileSync(this.file('qemu.log'), 'utf8')}`);
        }
        if (!(await this.connect())) return false;
        const { code, stdout } = await this.run('cat /proc/sys/kernel/random/boot_id', 60_000);
        this.bootId = code === 0 ? stdout.trim() : before;
        return this.bootId !== before;
      },
      {
        withinMs: BOOT_WITHIN_MS,
        everyMs: 1000,
        what: `the machine to boot; its console: ${this.file('console.log')}`,
      },
    );
    await this.run('systemctl is-system-running --wait', BOOT_WITHIN_MS);
  }

  /**
   * Makes one connection that all commands share, for a login takes seconds; it also leads to the server's port.
   * False while nothing in the machine answers.
   */
  private async connect(): Promise<boolean> {
    this.connection?.kill('SIGKILL');
    rmSync(this.file('ssh'), { force: true });
    const forward = `127.0.0.1:${this.serverPort}:127.0.0.1:8080`;
    const connection = spawn(
      'ssh',
      [...this.sshArguments(), '-M', '-N', '-o', 'ControlPersist=no', '-L', forward, 'root@127.0.0.1'],
      { stdio: 'ignore', detached: true },
    );
    this.connection = connection;
    const hasEnded = (): boolean => connection.exitCode !== null || connection.signalCode !== null;
    await eventually(
      () => {
        if (hasEnded()) return true;
        try {
          execFileSync('ssh', [...this.sshArguments(), '-O', 'check', 'root@127.0.0.1'], { stdio: 'ignore' });
          return true;
        } catch {
          return false;
        }
      },
      { withinMs: 300_000, what: 'a login by ssh', everyMs: 1000 },
    );
    return !hasEnded();
  }

  private sshArguments(): string[] {
    const set = (name: string, value: string): string[] => ['-o', `${name}=${value}`];
    return [
      ...['-q', '-F', 'none', '-i', join(this.options.image, 'key'), '-p', String(this.sshPort)],
      ...['-S', this.file('ssh')],
      ...set('BatchMode', 'yes'),
      ...set('StrictHostKeyChecking', 'no'),
      ...set('UserKnownHostsFile', '/dev/null'),
      ...set('ConnectTimeout', '60'),
      ...set('ServerAliveInterval', '20'),
      ...set('ServerAliveCountMax', '15'),
    ];
  }
}

/** One word of the shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The end of what a command said. */
function tail(text: string): string {
  const lines = text.trimEnd().split('\n');
  return text === '' ? '' : `${lines.slice(-40).join('\n')}\n`;
}
