/** What programs ask of their machine: in an instance they get the answer of the host, or the instance's own. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HIDDEN_IN_ETC } from '../../src/executors/local/hidden-in-etc.ts';
import { TestServer } from '../support/server.ts';

const MB = 2 ** 20;
let server: TestServer;
let serviceId: string;

beforeAll(async () => {
  server = await TestServer.start();
  serviceId = await server.seedService({ 'app.txt': 'built\n', 'bin/tool': '#!/bin/sh\necho tool\n' });
});
afterAll(async () => server.close());

const lines = async (command: string, more: Record<string, unknown> = {}): Promise<string[]> =>
  (await server.run(serviceId, command, more)).output;
const text = async (command: string, more: Record<string, unknown> = {}): Promise<string> =>
  (await lines(command, more)).join('\n');
/** What a program says outside, without the path by which this machine's user finds stand-ins for it. */
const onTheHost = (command: string): string =>
  execFileSync('sh', ['-c', command], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
  }).trimEnd();
const inAnInstance = (command: string): Promise<string> =>
  text(`PATH=/usr/sbin:/usr/bin:/sbin:/bin; ${command}`);

describe('the names of the machine', () => {
  test('its own leads to itself, by every way to ask', async () => {
    const [name, ...same] = await lines('hostname; cat /etc/hostname; uname -n; getent hosts "$(hostname)"');
    expect(same.map((line) => line.split(/\s+/).join(' '))).toEqual([name, name, `127.0.0.1 ${name}`]);
  });

  test('all that the host knows by /etc/hosts are known', async () => {
    const known = readFileSync('/etc/hosts', 'utf8').trimEnd();
    expect((await text('cat /etc/hosts')).startsWith(known)).toBe(true);
  });

  test('are each of one instance alone: a process id and a name tell two apart', async () => {
    expect(await text('hostname')).not.toBe(await text('hostname'));
  });

  test('its id is one id for all instances, and not the confidential one of the host', async () => {
    const id = await text('cat /etc/machine-id');
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(await text('cat /etc/machine-id')).toBe(id);
    expect(id).not.toBe(onTheHost('cat /etc/machine-id 2>/dev/null || true'));
  });
});

describe('settings below /etc', () => {
  test('PHP has the extensions that it has on the host', async () => {
    expect((await inAnInstance('php -m')).trimEnd()).toBe(onTheHost('php -m'));
    expect(await inAnInstance('php -r "echo php_ini_loaded_file();"')).toMatch(/^\/etc\/php\//);
  });

  test('ODBC has the drivers of the host, and one of them answers', async () => {
    expect(await inAnInstance('odbcinst -q -d')).toBe(onTheHost('odbcinst -q -d'));
    const query = `echo "select 6*7" | isql -v -b -k 'DRIVER=SQLite3;Database=/tmp/x.db' | grep -o 42`;
    expect(await inAnInstance(query)).toBe('42');
  });

  test('ImageMagick has the policy of the host', async () => {
    const policies = 'identify -list policy | grep -E "Path|Policy|name|value"';
    expect(await inAnInstance(policies)).toBe(onTheHost(policies));
    expect(await inAnInstance(policies)).toMatch(/Path: \/etc\/ImageMagick/);
  });

  test('may be read exactly where the same user may read them on the host', async () => {
    // `find` asks the kernel, as the user that it runs as.
    const readable = 'find /etc -type f -readable 2>/dev/null | sort';
    const outside = onTheHost(`setpriv --reuid=64000 --regid=64000 --clear-groups sh -c '${readable}'`).split(
      '\n',
    );
    const inside = new Set(await lines(readable));
    const missing = outside.filter((path) => !inside.has(path));
    const isHidden = (path: string): boolean =>
      HIDDEN_IN_ETC.some((name) => path === `/etc/${name}` || path.startsWith(`/etc/${name}/`));
    expect(missing.filter((path) => !isHidden(path))).toEqual([]);
    const more = [...inside].filter((path) => !outside.includes(path));
    expect(more.filter((path) => !/^\/etc\/(machine-id|host(s|name)|resolv\.conf)$/.test(path))).toEqual([]);
  });
});

describe('limits that runtimes read', () => {
  test('Java takes a quarter of the memory of the instance for its heap, and its processors', async () => {
    const heap =
      'java -XX:+PrintFlagsFinal -version 2>/dev/null | grep -w MaxHeapSize | grep -o "[0-9]*" | head -n 1';
    expect(Number(await text(heap))).toBeLessThanOrEqual(128 * MB);
    const seen = await text(`java -Xlog:os+container=trace -version 2>&1; ${heap}`, { planId: 'standard' });
    expect(seen).toMatch(new RegExp(`Memory Limit is: ${2048 * MB}\\b`, 'i'));
    expect(Number(seen.split('\n').at(-1))).toBe(512 * MB);
    expect(seen).toMatch(/active_processor_count: 1$|CPU Quota is: 100000$/im);
  });

  test('Node keeps its heap within the memory of the instance', async () => {
    const other = await server.seedService({ node: '' });
    const tree = (name: string): string => join(server.config.dataDir, 'artifacts', name, 'tree');
    const node = readdirSync(join(server.config.dataDir, 'artifacts'))
      .map((name) => join(tree(name), 'node'))
      .find((path) => existsSync(path))!;
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o755);
    const [limit, heap] = (
      await server.run(
        other,
        `./node -e 'console.log(process.constrainedMemory()); console.log(v8.getHeapStatistics().heap_size_limit)'`,
      )
    ).output;
    expect(Number(limit)).toBe(512 * MB);
    expect(Number(heap)).toBeLessThanOrEqual(512 * MB);
  });

  test('what Go and the libraries of Python look for is where they look: beside their own cgroup, by the table of mounts', async () => {
    // A controller's mount point, and below it what /proc/self/cgroup names, less the root of that mount.
    const [quota, memory] = await lines(`
      find_file() {
        while read -r _ _ _ root point rest; do
          case "$rest" in
            *' - cgroup '*"$1"*) [ "$2" ] && file=$2 ;;
            *' - cgroup2 '*) file=$3 ;;
            *) continue ;;
          esac
          while IFS=: read -r _ names path; do
            case ",$names," in *,"$1",*|,,) [ -r "$point\${path#"$root"}/$file" ] && cat "$point\${path#"$root"}/$file" && return ;; esac
          done < /proc/self/cgroup
        done < /proc/self/mountinfo
      }
      find_file cpu cpu.cfs_quota_us cpu.max; find_file memory memory.limit_in_bytes memory.max`);
    expect(quota).toMatch(/^50000( 100000)?$/);
    expect(memory).toBe(String(512 * MB));
  });

  test('the shared memory grows with the instance, and counts to its memory', async () => {
    const size = 'df --output=size -B1M /dev/shm | tail -n 1';
    expect(Number(await text(size))).toBe(256);
    expect(Number(await text(size, { planId: 'standard' }))).toBe(1024);
    const job = await server.run(
      serviceId,
      'head -c 250m /dev/zero > /dev/shm/x; head -c 300m /dev/zero | tail',
    );
    expect(job.reason).toMatchObject({ oomKilled: { memoryLimit: '512Mi' } });
  });
});

describe('files', () => {
  test('a folder of the build can be renamed', async () => {
    expect(await lines('mv bin programs && ls . programs')).toEqual([
      '.:',
      'app.txt',
      'programs',
      '',
      'programs:',
      'tool',
    ]);
  });

  test('a program that crashes leaves no core dump, also not to a program of the host', async () => {
    const crash =
      'ulimit -c unlimited 2>/dev/null; sh -c "kill -SEGV \\$\\$"; ls; grep core /proc/self/limits';
    const [, ...seen] = await lines(crash);
    expect(seen.slice(0, -1).sort()).toEqual(['app.txt', 'bin']);
    expect(seen.at(-1)).toMatch(/size +1 +1 +bytes/);
  });
});
