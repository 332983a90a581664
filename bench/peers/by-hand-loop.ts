/**
 * The bare parts by hand: a small program that does per command what has to be done and nothing else, in a process of
 * its own. Instances have Errand's own configuration (mounts, overlay, cgroups, user, no capabilities, seccomp) and
 * the same supervisor, so output has times and stream tags and the exit code is on disk. What Errand adds is missing:
 * HTTP, rows, tickets, the reaper, recovery.
 *
 * Started by `by-hand.ts`, inside a mount namespace in which crun accepts hosts with hybrid cgroups.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  type FSWatcher,
  mkdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Cgroups, openCgroups } from '../../src/executors/local/cgroups.ts';
import { HostView } from '../../src/executors/local/host-view.ts';
import { limitsForInstances } from '../../src/executors/local/inherited-limits.ts';
import { type InstancePaths, type Mount, ociConfig, PROJECT } from '../../src/executors/local/spec.ts';
import type { HandKind, HandOrder, HandReply, HandSetup, Timing } from './by-hand.ts';
import { seccompProgram } from './seccomp-program.ts';

const USER = { uid: 64_000, gid: 64_000 };
const GROUP = 'errand-bench';

interface Instance {
  id: string;
  folder: string;
  bundle: string;
  startedMs: number;
}

const now = (): number => performance.timeOrigin + performance.now();

class ByHand {
  readonly #setup: HandSetup;
  readonly #cgroups: Cgroups;
  readonly #view: HostView;
  readonly #exits: string;
  readonly #waiting = new Map<string, () => void>();
  readonly #watcher: FSWatcher;
  #count = 0;

  constructor(setup: HandSetup) {
    this.#setup = setup;
    this.#cgroups = openCgroups(GROUP);
    this.#exits = join(setup.folder, 'exits');
    for (const folder of [this.#exits, join(setup.folder, 'instances'), join(setup.memory, 'state')]) {
      mkdirSync(folder, { recursive: true });
    }
    this.#view = new HostView(
      setup.memory,
      USER,
      this.#cgroups.mounts('x').map(({ destination }) => destination),
    );
    const filter = seccompProgram();
    if (filter) writeFileSync(join(setup.memory, 'seccomp.bpf'), filter, { mode: 0o644 });
    this.#watcher = watch(this.#exits, (_event, name) => name && this.#waiting.get(name)?.());
  }

  /** One command, from nothing to its exit code on disk. */
  async run(order: HandOrder): Promise<Timing> {
    const instance = this.#make(order);
    const isOver = this.#exitOf(instance.id);
    if (this.#setup.kind === 'bwrap-alone') await this.#runAlone(instance, order);
    else this.#supervise(instance);
    await isOver;
    const finalMs = now() - instance.startedMs;
    const exitCode = Number(readFileSync(join(this.#exits, instance.id), 'utf8'));
    const timing: Timing = { finalMs, exitCode };
    if (order.wantsFirstLine) timing.firstLineMs = this.#firstLine(instance) - instance.startedMs;
    if (exitCode !== 0) throw new Error(`${order.command}: exit ${exitCode}: ${this.#output(instance)}`);
    await this.#remove(instance);
    return timing;
  }

  /** `count` commands, `concurrency` at once, each with its removal. @returns milliseconds for all */
  async loop(order: HandOrder, count: number, concurrency: number): Promise<number> {
    const startedMs = now();
    let left = count;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await this.run(order);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    return now() - startedMs;
  }

  close(): void {
    this.#watcher.close();
    this.#cgroups.close();
  }

  #make(order: HandOrder): Instance {
    this.#count += 1;
    const id = `hand-${process.pid}-${this.#count}`;
    const folder = join(this.#setup.folder, 'instances', id);
    const bundle = join(this.#setup.memory, id);
    const startedMs = now();
    const paths: InstancePaths = {
      rootfs: this.#view.rootfs,
      etc: join(bundle, 'etc'),
      home: join(folder, 'home'),
      tmp: join(folder, 'tmp'),
      upper: join(folder, 'upper'),
      work: join(folder, 'work'),
      secrets: join(bundle, 'secrets'),
      projectSecrets: [],
      orders: join(bundle, 'orders'),
    };
    mkdirSync(folder);
    mkdirSync(bundle);
    mkdirSync(paths.orders);
    mkdirSync(join(paths.etc, 'secrets'), { recursive: true });
    for (const path of [paths.home, paths.tmp, paths.upper, paths.work]) mkdirSync(path);
    mkdirSync(join(paths.home, 'project'));
    mkdirSync(join(paths.home, 'project', 'src'));
    for (const path of [paths.home, paths.upper]) chownSync(path, USER.uid, USER.gid);
    chmodSync(paths.tmp, 0o1777);
    const { kind } = this.#setup;
    const limits = { memoryBytes: order.memoryBytes, cpuMillis: order.cpuMillis, pids: 512 };
    if (kind !== 'runc') {
      this.#cgroups.create(id);
      this.#cgroups.limit(id, limits);
    }
    const config = ociConfig(
      id,
      {
        environment: {},
        secretFiles: [],
        project: { kind: 'artifact', tree: order.tree },
        workingDirectory: '',
        limits,
      },
      paths,
      {
        ...USER,
        ...this.#view.parts,
        hasBash: true,
        ...limitsForInstances(),
        init: '',
        network: 'host',
        userNamespace: kind === 'crun',
        cgroupMounts: kind === 'runc' ? [] : this.#cgroups.mounts(id),
        ...(kind === 'runc' ? { runtimeCgroup: `/${GROUP}/${id}` } : {}),
      },
    ) as { process: { args: string[]; env: string[] }; mounts: Mount[] };
    config.process.args = ['/bin/bash', '-c', order.command];
    if (kind === 'crun' || kind === 'runc') {
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
      writeFileSync(join(bundle, 'run'), ociScript(kind, this.#setup, this.#joinFiles(id)), { mode: 0o755 });
    } else {
      const files = { overlays: join(folder, 'overlays'), exit: join(this.#exits, id) };
      mkdirSync(files.overlays);
      writeFileSync(join(bundle, 'run'), bwrapScript(kind, this.#setup, this.#joinFiles(id), config, files), {
        mode: 0o755,
      });
    }
    return { id, folder, bundle, startedMs };
  }

  #joinFiles(id: string): string[] {
    return this.#setup.kind === 'runc' ? [] : this.#cgroups.joinFiles(id);
  }

  /** conmon leaves this process at once; the exit code's file tells the end. */
  #supervise({ id, folder, bundle }: Instance): void {
    spawn(
      this.#setup.conmon,
      [
        ...['--cid', id, '--cuuid', id, '--name', id, '--bundle', bundle, '--full-attach'],
        ...['--runtime', join(bundle, 'run'), '--runtime-arg', `--root=${join(this.#setup.memory, 'state')}`],
        ...['--container-pidfile', join(folder, 'pid'), '--conmon-pidfile', join(folder, 'conmon.pid')],
        ...['--exit-dir', this.#exits, '--log-path', `k8s-file:${join(folder, 'log')}`],
      ],
      { cwd: '/', stdio: 'ignore', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
    );
  }

  /** Without a supervisor: output goes straight into a file, without times or stream tags. */
  #runAlone({ folder, bundle }: Instance, _order: HandOrder): Promise<void> {
    const child = spawn('/bin/sh', ['-c', `exec "$0" >"$1" 2>&1`, join(bundle, 'run'), join(folder, 'log')], {
      cwd: '/',
      stdio: 'ignore',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    return new Promise((resolve) => child.once('exit', () => resolve()));
  }

  #exitOf(id: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(id, () => {
        try {
          if (readFileSync(join(this.#exits, id), 'utf8') === '') return;
        } catch {
          return;
        }
        this.#waiting.delete(id);
        resolve();
      });
    });
  }

  #output({ folder }: Instance): string {
    try {
      return readFileSync(join(folder, 'log'), 'utf8').slice(0, 500);
    } catch {
      return '';
    }
  }

  /** When the supervisor received the first line, in milliseconds of the epoch. */
  #firstLine(instance: Instance): number {
    const [stamp = ''] = this.#output(instance).split(' ');
    const fraction = /\.(\d{9})/.exec(stamp)?.[1] ?? '0';
    return Date.parse(stamp.replace(/\.\d+/, '')) + Number(fraction) / 1e6;
  }

  async #remove({ id, folder, bundle }: Instance): Promise<void> {
    if (this.#setup.kind === 'runc') {
      const child = spawn(this.#setup.program, ['--root', join(this.#setup.memory, 'state'), 'delete', id], {
        stdio: 'ignore',
      });
      await new Promise((resolve) => child.once('exit', resolve));
    } else {
      await this.#cgroups.remove(id);
      rmSync(join(this.#setup.memory, 'state', id), { recursive: true, force: true });
    }
    for (const path of [bundle, folder, join(this.#exits, id)])
      rmSync(path, { recursive: true, force: true });
  }
}

/** What conmon calls in place of the runtime's `create`. */
function ociScript(kind: 'crun' | 'runc', setup: HandSetup, joinFiles: string[]): string {
  return [
    '#!/bin/sh',
    'root=$1; shift 2',
    ...joinFiles.map((file) => `echo 0 > ${file}`),
    `exec ${setup.program}${kind === 'crun' ? ' --cgroup-manager=disabled' : ''} "$root" run --detach "$@"`,
    '',
  ].join('\n');
}

/** bwrap as conmon's runtime, or alone. It has no overlay of its own: a private mount namespace holds that. */
function bwrapScript(
  kind: Exclude<HandKind, 'crun' | 'runc'>,
  setup: HandSetup,
  joinFiles: string[],
  config: { process: { args: string[]; env: string[] }; mounts: Mount[] },
  files: { overlays: string; exit: string },
): string {
  const program = join(setup.memory, 'seccomp.bpf');
  const isFiltered = existsSync(program);
  const overlays = config.mounts.filter(({ type }) => type === 'overlay');
  const sandbox = [
    ...['setpriv', '--reuid=64000', '--regid=64000', '--clear-groups', '--inh-caps=-all', '--no-new-privs'],
    ...[
      setup.program,
      '--unshare-user',
      '--unshare-pid',
      '--unshare-ipc',
      '--unshare-uts',
      '--unshare-cgroup',
    ],
    ...['--cap-drop', 'ALL', '--hostname', 'job', '--clearenv', '--chdir', PROJECT],
    ...config.process.env.flatMap((pair) => ['--setenv', ...splitOnce(pair)]),
    ...['--ro-bind', join(setup.memory, 'rootfs'), '/'],
    ...config.mounts.flatMap((mount) => bwrapMount(mount, files.overlays)),
    ...(isFiltered ? ['--seccomp', '9'] : []),
    ...['--', ...config.process.args],
  ];
  const inside = [
    ...overlays.map(({ destination, options }) => {
      const place = overlayPlace(files.overlays, destination);
      const given = options.filter((option) => option !== 'userxattr').join(',');
      return `mkdir ${place} && mount -t overlay overlay -o ${given} ${place}`;
    }),
    `exec ${sandbox.map(quote).join(' ')}${isFiltered ? ` 9<${program}` : ''}`,
  ].join(' && ');
  const start = `unshare --mount --propagation slave /bin/sh -c ${quote(inside)}`;
  const end =
    kind === 'bwrap'
      ? [
          // conmon: create --bundle FOLDER --pid-file FILE ID
          'while [ "$1" != --pid-file ]; do shift; done',
          `${start} &`,
          'echo $! > "$2"',
        ]
      : [start, `echo $? > ${files.exit}`];
  return ['#!/bin/sh', ...joinFiles.map((file) => `echo 0 > ${file}`), ...end, ''].join('\n');
}

const overlayPlace = (folder: string, destination: string): string =>
  join(folder, destination.replaceAll('/', '-'));

function bwrapMount({ type, source, destination, options }: Mount, overlays: string): string[] {
  switch (type) {
    case 'proc':
      return ['--proc', destination];
    case 'overlay':
      return ['--bind', overlayPlace(overlays, destination), destination];
    case 'bind':
      return [options.includes('ro') ? '--ro-bind' : '--bind', source, destination];
    case 'tmpfs':
      // Its own /dev brings the terminals and the shared memory along.
      if (destination === '/dev') return ['--dev', '/dev'];
      return destination.startsWith('/dev/') ? [] : ['--tmpfs', destination];
    default:
      return [];
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const splitOnce = (pair: string): [string, string] => {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
};

const hands = new Map<HandKind, ByHand>();

async function obey(order: HandOrder): Promise<HandReply> {
  const setup = order.setup;
  const hand = hands.get(setup.kind) ?? new ByHand(setup);
  hands.set(setup.kind, hand);
  if (order.loop) return { ms: await hand.loop(order, order.loop.count, order.loop.concurrency) };
  return { timing: await hand.run(order) };
}

process.on('message', (order: HandOrder) => {
  obey(order)
    .catch((error: unknown): HandReply => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((reply) => process.send?.({ ...reply, number: order.number }));
});
process.on('disconnect', () => {
  for (const hand of hands.values()) hand.close();
});
