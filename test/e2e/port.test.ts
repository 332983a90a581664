/** A job shares the host's network, and must never be where clients look for the server and send their keys. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer | undefined;
afterEach(async () => server?.close());

/** Tries again and again to listen at the port, by every way there is, until a file tells it to end. */
const thief = (port: number): string => `cat > /tmp/thief.pl <<'END'
use strict;
use Socket qw(:DEFAULT SO_REUSEPORT IPPROTO_IPV6 IPV6_V6ONLY pack_sockaddr_in6 inet_pton);
$| = 1;
for my $pass (1 .. 600) {
  for my $address ('127.0.0.1', '127.0.0.2', '0.0.0.0', '::1', '::') {
    for my $options ([], [SO_REUSEADDR], [SO_REUSEPORT], [SO_REUSEADDR, SO_REUSEPORT]) {
      my $v6 = $address =~ /:/;
      socket(my $own, $v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or next;
      setsockopt($own, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $v6;
      setsockopt($own, SOL_SOCKET, $_, 1) for @$options;
      my $at = $v6 ? pack_sockaddr_in6(${port}, inet_pton(AF_INET6, $address)) : pack_sockaddr_in(${port}, inet_aton($address));
      print "STOLEN $address @$options\\n" if bind($own, $at) && listen($own, 5);
    }
  }
  print "pass $pass\\n";
  select(undef, undef, undef, 0.05);
}
END
exec perl /tmp/thief.pl`;

test('a job cannot listen at the port of the server, whether a server runs or not', async () => {
  const port = await freePort();
  server = await TestServer.start({ port: String(port) });
  const serviceId = await server.seedService({ 'a.txt': 'a\n' });
  const job = await server.createJob(serviceId, thief(port));
  const file = await server.running.context.logStore.segmentFile(job.id, 'output');
  const passes = (): number => readFileSync(file, 'utf8').match(/ pass \d+$/gm)?.length ?? 0;
  const morePasses = async (): Promise<void> => {
    const before = passes();
    await eventually(() => passes() >= before + 3, { what: 'the job to try again' });
  };
  await eventually(async () => (await server!.output(job.id)).length > 0);
  await morePasses();
  await server.restart(morePasses);
  await morePasses();
  await server.restart(morePasses);
  expect((await server.call('GET', '/owners')).status).toBe(200);
  await server.call('POST', `/services/${serviceId}/jobs/${job.id}/cancel`);
  await server.finished(job.id);
  expect((await server.output(job.id)).filter((line) => line.includes('STOLEN'))).toEqual([]);
});

test('what keeps the port ends with the server when no job is left', async () => {
  const port = await freePort();
  server = await TestServer.start({ port: String(port) });
  const guards = (): string =>
    spawnSync('pgrep', ['-f', `errand-port-guard ${port} `], { encoding: 'utf8' }).stdout;
  expect(guards()).toMatch(/^\d+\n$/);
  await server.restart(() =>
    eventually(() => guards() === '', { what: 'the guard to end' }).then(() => undefined),
  );
  expect(guards()).toMatch(/^\d+\n$/);
});

test('a second server at the same port is refused, as without a guard', async () => {
  const port = await freePort();
  server = await TestServer.start({ port: String(port) });
  await expect(TestServer.start({ port: String(port) })).rejects.toThrow(
    `port ${port} of 127.0.0.1 is in use`,
  );
  expect((await server.call('GET', '/owners')).status).toBe(200);
});
