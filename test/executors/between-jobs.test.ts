/** What two jobs on one host can do to each other, and what they cannot: docs/security.md tells it to operators. */
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;
afterEach(async () => server.close());

async function start(network: 'host' | 'none'): Promise<void> {
  server = await TestServer.start({ network });
  serviceId = await server.seedService({});
}

/** Starts a job that goes on until the server is closed. */
async function running(command: string): Promise<string> {
  const job = await server.createJob(serviceId, `${command}; echo up; sleep 300`);
  await eventually(async () => (await server.output(job.id)).includes('up'));
  return job.id;
}

const listening = (port: number): string =>
  `perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => ${port}, Listen => 5, ReuseAddr => 1) or die; while (my $c = $s->accept) { print $c "hello\\n"; close $c }' &
  until (exec 9<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.05; done`;
const asking = (port: number): string =>
  `exec 9<>/dev/tcp/127.0.0.1/${port} && head -n 1 <&9 || echo refused`;

test('they share the network of the host: one reaches what the other listens at', async () => {
  await start('host');
  const port = await freePort();
  await running(listening(port));
  expect((await server.run(serviceId, asking(port))).output).toEqual(['hello']);
});

test('with --network none each has a network of its own', async () => {
  await start('none');
  const port = await freePort();
  await running(`ip link set lo up 2>/dev/null; true`);
  const { output } = await server.run(
    serviceId,
    `${asking(port)} 2>/dev/null; ls /sys/class/net 2>/dev/null`,
  );
  expect(output).toContain('refused');
});

test('they have the same user id, and neither sees the shared memory, the queues or the name of the other', async () => {
  await start('host');
  const first = await running('id -u; hostname; echo mine > /dev/shm/of-the-first; ipcmk -Q > /dev/null');
  const second = await server.run(serviceId, 'id -u; hostname; ls /dev/shm; ipcs -q | grep -c 0x');
  const [user, name] = await server.output(first);
  expect(user).toBe('64000');
  expect(second.output).toEqual(['64000', expect.not.stringContaining(name!), '0']);
});
