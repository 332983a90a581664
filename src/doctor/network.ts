/** Whether the server can be reached and can reach others: its port, and names. */
import { lookup } from 'node:dns/promises';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LOCK_FILE } from '../data-folder.ts';
import { isListenedAt } from '../executors/local/port-guard.ts';
import { argumentsOf } from '../executors/processes.ts';
import { advise, type Check, fail, ok, type Verdict } from './check.ts';

const ANSWER_WAIT_MS = 20_000;
/** Of a connection, in the kernel's table. */
const LISTENING = '0A';

/** @param dataDir a server of this data folder is no stranger */
export const port = (host: string, number: number, dataDir: string): Check => ({
  id: 'port',
  name: 'port',
  essential: true,
  async look() {
    if (number === 0) return ok('any that is free');
    const code = isListenedAt(number)
      ? await tryListening(host, number, false)
      : await tryListening(host, number, true);
    if (code === undefined) return ok(`${number} of ${host} is free`);
    if (code === 'EADDRNOTAVAIL')
      return fail(`${host} is no address of this machine`, 'choose another --host');
    if (code === 'EACCES')
      return fail(`${number} may not be opened by this user`, 'be root, or choose another --port');
    if (code !== 'EADDRINUSE')
      return fail(`${number} of ${host} cannot be opened: ${code}`, 'choose another --host');
    return taken(host, number, dataDir);
  },
});

/**
 * @param beside whether beside what keeps the port from jobs while no server runs
 * @returns the error's code, if it cannot
 */
function tryListening(host: string, port: number, beside: boolean): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true, reusePort: beside }, () =>
      server.close(() => resolve(undefined)),
    );
  });
}

async function taken(host: string, number: number, dataDir: string): Promise<Verdict> {
  const owners = listeners(number);
  const own = owners.find((pid) => opensOf(pid).includes(join(dataDir, LOCK_FILE)));
  if (own !== undefined && (await answers(host, number))) {
    return ok(
      `${number} of ${host}: Errand's server of this data folder (process ${own}) listens and answers`,
    );
  }
  // Its program alone: arguments may hold what is nobody's business.
  const who = owners.map((pid) => `process ${pid} (${basename(argumentsOf(pid)?.[0] ?? '?')})`);
  const unseen =
    process.getuid?.() === 0 ? 'a process of another namespace' : 'a process that only root can see';
  const found = `port ${number} of ${host} is taken by ${who.length > 0 ? who.join(', ') : unseen}`;
  return own === undefined
    ? fail(found, 'stop it, or choose another --port')
    : fail(`${found}: the server of this data folder, which does not answer`, 'see its log, and restart it');
}

/** Processes that listen on a port of TCP, as far as this user may see them. */
export function listeners(port: number): number[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6']
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, 'utf8').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local!.endsWith(`:${hex}`) && state === LISTENING)
    .map((fields) => `socket:[${fields[9]}]`);
  if (inodes.length === 0) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => opensOf(pid).some((target) => inodes.includes(target)));
}

/** What a process has open; nothing where that may not be seen. */
function opensOf(pid: number): string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).flatMap((name) => {
      try {
        return [readlinkSync(join(folder, name))];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/** Whether an Errand answers: it refuses a request without a key in its own way. */
async function answers(host: string, port: number): Promise<boolean> {
  const wildcards: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const address = wildcards[host] ?? (host.includes(':') ? `[${host}]` : host);
  try {
    const answer = await fetch(`http://${address}:${port}/v1/owners`, {
      signal: AbortSignal.timeout(ANSWER_WAIT_MS),
    });
    return answer.status === 401;
  } catch {
    return false;
  }
}

export const names: Check = {
  id: 'dns',
  name: 'names',
  essential: false,
  async look() {
    const resolver = existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : '';
    const servers = [...resolver.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server]) => server!);
    const own = hostname();
    const late = delay(ANSWER_WAIT_MS, undefined, { ref: false });
    const address = await Promise.race([
      lookup(own).then(
        (found) => found.address,
        () => undefined,
      ),
      late,
    ]);
    return judgeNames(servers, own, address);
  },
};

/** @param address what the host's own name resolves to, if it does */
export function judgeNames(servers: string[], own: string, address: string | undefined): Verdict {
  const found = [
    servers.length > 0 ? `resolver ${servers.join(', ')}` : 'no name server in /etc/resolv.conf',
    address ? `${own} is ${address}` : `this host's own name ${own} does not resolve`,
  ].join('; ');
  const advice = [
    servers.length > 0 ? [] : 'name a server in /etc/resolv.conf: jobs and builds resolve by it',
    address ? [] : `add "127.0.1.1 ${own}" to /etc/hosts`,
  ].flat();
  return advice.length > 0 ? advise(found, advice.join('; ')) : ok(found);
}
