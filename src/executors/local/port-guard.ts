/**
 * Keeps the server's port from its jobs. They share the host's network, so the moment the server stops, or at an
 * address that it does not listen at, a job could listen in its place and be sent the keys of its clients.
 *
 * The guard is a small process that has the port bound at all addresses and listens at none: whoever connects while no
 * server runs is refused. The kernel lets only a user's own sockets share such a port (SO_REUSEPORT), so the server,
 * which is root as well, listens beside it, and an instance's user never does. The guard outlives the server for as
 * long as one of its jobs runs.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { readPid } from '../instance-folder.ts';
import { argumentsOf, signalProcess } from '../processes.ts';
import { findProgram } from './runtime.ts';

const NAME = 'errand-port-guard';

/**
 * Perl is in the base system of Debian and Ubuntu; Node has no way to bind a port without listening. Arguments: name,
 * port, folder of instances, file of its own process id, files to join a cgroup by.
 */
const SCRIPT = String.raw`
use strict;
use Socket qw(:DEFAULT SO_REUSEPORT IPPROTO_IPV6 IPV6_V6ONLY pack_sockaddr_in6 inet_pton);
my (undef, $port, $instances, $pid_file, @join) = @ARGV;
sub put {
  my ($file, $text) = @_;
  open(my $to, '>', $file) or die "$file: $!\n";
  print $to $text;
  close($to) or die "$file: $!\n";
}
put($_, "0\n") for @join;
sub hold {
  my ($family, $address) = @_;
  socket(my $held, $family, SOCK_STREAM, 0) or return $family == AF_INET6 ? undef : die "socket: $!\n";
  setsockopt($held, SOL_SOCKET, SO_REUSEPORT, 1) or die "SO_REUSEPORT: $!\n";
  setsockopt($held, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $family == AF_INET6;
  bind($held, $address) or die "$!\n";
  return $held;
}
my @held = (hold(AF_INET, pack_sockaddr_in($port, INADDR_ANY)), hold(AF_INET6, pack_sockaddr_in6($port, inet_pton(AF_INET6, '::'))));
$SIG{INT} = $SIG{HUP} = 'IGNORE';
put("$pid_file.new", "$$\n");
rename("$pid_file.new", $pid_file) or die "$pid_file: $!\n";
$| = 1;
print "held\n";
1 while sysread(STDIN, my $nothing, 1);
# The server is gone. Another one starts a guard of its own and ends this one.
sub supervised {
  for my $file (glob("\Q$instances\E/*/supervisor/supervisor.pid")) {
    open(my $from, '<', $file) or next;
    my $pid = <$from>;
    return 1 if $pid && kill(0, $pid + 0);
  }
  return 0;
}
sleep 2 while supervised();
`;

export interface PortGuardOptions {
  instancesFolder: string;
  /** Where it writes its process id. */
  pidFile: string;
  joinFiles: string[];
}

/**
 * Starts a guard, which takes over from one that an earlier server left.
 * @returns what ends it, for when no job is left that could take the port
 * @throws EADDRINUSE when another server of this user listens there; any other error when the port cannot be held
 */
export async function guardPort(port: number, options: PortGuardOptions): Promise<() => void> {
  const perl = findProgram('perl');
  if (!perl) throw new Error('not found: perl');
  const before = readPid(options.pidFile);
  const { instancesFolder, pidFile, joinFiles } = options;
  const args = ['-e', SCRIPT, '--', NAME, String(port), instancesFolder, pidFile, ...joinFiles];
  const child = spawn(perl, args, {
    cwd: '/',
    detached: true,
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const isHeld = await new Promise<boolean>((resolve) => {
    child.stdout.once('data', () => resolve(true));
    child.once('error', () => resolve(false));
    child.once('close', () => resolve(false));
  });
  if (!isHeld)
    throw new Error(`the guard of port ${port} could not be started: ${said.trim() || 'no reason given'}`);
  const end = (): void => void child.kill('SIGKILL');
  // Only servers of this user can listen beside a guard, and two of them would get half of the calls each.
  if (isListenedAt(port)) {
    end();
    throw Object.assign(new Error(`port ${port} is in use`), { code: 'EADDRINUSE' });
  }
  if (before !== undefined && argumentsOf(before)?.includes(NAME)) signalProcess(before, 'SIGKILL');
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as Socket).unref();
  return end;
}

/** Whether something listens at the port, whatever the address. */
export function isListenedAt(port: number): boolean {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((table) =>
    readFileSync(table, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      // 0A is the state of a socket that listens.
      .some(([, local, , state]) => local?.endsWith(ending) && state === '0A'),
  );
}
