import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { WORKER_DETAILS } from '../support/seed-service.ts';
import { TestServer } from '../support/server.ts';
import { type ReceivedLine, SyslogReceiver } from '../support/syslog-receiver.ts';

let receiver: SyslogReceiver;
let server: TestServer;
let owner: string;

beforeAll(async () => {
  receiver = await SyslogReceiver.create();
  await receiver.start();
  server = await TestServer.start({ logStreamCa: receiver.caFile, allowPrivateDestinations: true });
  owner = await server.workspaceId();
});
afterAll(async () => {
  await server.close();
  await receiver.close();
});

const path = () => `/logs/streams/owner/${owner}`;
const forwardTo = (endpoint: string, token?: string) =>
  server.call('PUT', path(), { endpoint, preview: 'send', ...(token ? { token } : {}) });
const linesOf = (job: string): ReceivedLine[] => receiver.lines().filter((line) => line.appName === job);
const numbers = (to: number) => Array.from({ length: to }, (_, index) => String(index + 1));

/** In the order in which they came first; a line that came again is left out. */
function firstArrivals(lines: ReceivedLine[]): string[] {
  const seen = new Set<string>();
  return lines.flatMap((line) => {
    if (seen.has(line.data['sequence']!)) return [];
    seen.add(line.data['sequence']!);
    return [line.message];
  });
}

describe('forwarding output', () => {
  it('sends every line of a job with its fields', async () => {
    const service = await server.seedService({}, { slug: 'shop-worker' });
    expect(await forwardTo(receiver.endpoint, 'to"ken]1')).toMatchObject({ status: 200 });
    const job = await server.run(
      service,
      `echo plain; echo '{"level":"warn"}'; echo oops >&2; echo level=critical; printf 'no newline'`,
    );
    await eventually(() => linesOf(job.id).length >= 5, { what: 'five lines at the receiver' });
    const lines = linesOf(job.id);
    const { body } = await server.call<{ logs: { message: string; timestamp: string }[] }>(
      'GET',
      `/logs?ownerId=${owner}&resource=${job.id}&direction=forward`,
    );
    expect(firstArrivals(lines)).toEqual(body.logs.map((line) => line.message));
    const plain = lines.find((line) => line.message === 'plain')!;
    expect(plain).toMatchObject({
      priority: 14,
      hostname: 'shop-worker',
      appName: job.id,
      messageId: 'app',
      data: { resource: job.id, service, segment: 'output', stream: 'stdout', token: 'to"ken]1' },
    });
    const stored = body.logs.find((line) => line.message === 'plain')!;
    expect(stored.timestamp.startsWith(plain.timestamp.slice(0, -1))).toBe(true);
    const severity = (text: string) => lines.find((line) => line.message.includes(text))!.priority & 7;
    expect([severity('warn'), severity('oops'), severity('critical')]).toEqual([4, 6, 2]);
  });

  it('loses nothing and keeps the order of each job while the receiver goes and comes', async () => {
    const service = await server.seedService();
    const command = 'for i in $(seq 1 3000); do echo $i; [ $((i % 100)) = 0 ] && sleep 0.1; done; true';
    const jobs = await Promise.all([1, 2, 3].map(() => server.createJob(service, command)));
    for (let round = 1; round <= 4; round++) {
      const goal = round * 1200;
      await eventually(() => receiver.lines().length > goal, {
        what: `more than ${goal} lines`,
        withinMs: 30_000,
      });
      await receiver.stop();
      await receiver.start();
    }
    for (const job of jobs) {
      await eventually(() => new Set(linesOf(job.id).map((line) => line.message)).size === 3000, {
        what: 'all lines',
        withinMs: 60_000,
      });
      expect(firstArrivals(linesOf(job.id))).toEqual(numbers(3000));
    }
    const { body } = await eventually(async () => {
      const answer = await server.call<{ status?: { lagSeconds: number } }>('GET', path());
      return answer.body.status?.lagSeconds === 0 && answer;
    });
    expect(body).toMatchObject({
      ownerId: owner,
      endpoint: receiver.endpoint,
      preview: 'send',
      status: { lastSuccessAt: expect.stringMatching(/Z$/) },
    });
    expect(JSON.stringify(body)).not.toContain('token');
  }, 120_000);

  it('goes on after a restart of the server, with what came meanwhile', async () => {
    const service = await server.seedService();
    const job = await server.createJob(service, 'seq 1 50; sleep 3; seq 51 100');
    await eventually(() => linesOf(job.id).length >= 50);
    await server.restart();
    await eventually(() => new Set(linesOf(job.id).map((line) => line.message)).size === 100, {
      withinMs: 30_000,
    });
    expect(firstArrivals(linesOf(job.id))).toEqual(numbers(100));
  }, 60_000);

  it('refuses a receiver with a certificate from elsewhere, says so, and delivers once it is right', async () => {
    const service = await server.seedService();
    const stranger = await SyslogReceiver.create();
    await stranger.start();
    try {
      await forwardTo(stranger.endpoint);
      const job = await server.run(service, 'echo for a friend');
      const { body } = await eventually(async () => {
        const answer = await server.call<{ status?: { lastError?: string } }>('GET', path());
        return answer.body.status?.lastError !== undefined && answer;
      });
      expect(body.status?.lastError).toMatch(/certificate/);
      expect(stranger.lines()).toEqual([]);
      await forwardTo(receiver.endpoint);
      await eventually(() => linesOf(job.id).length > 0, { withinMs: 30_000 });
    } finally {
      await stranger.close();
    }
  }, 60_000);

  it('hides the values of variables and secret files', async () => {
    const service = await server.seedService();
    await server.call('PUT', `/services/${service}/env-vars/API_TOKEN`, { value: 'hunter2hunter2' });
    await server.call('PUT', `/services/${service}/env-vars/SHORT`, { value: 'abc' });
    const job = await server.run(service, 'echo "token=$API_TOKEN; $SHORT"; echo "$API_TOKEN$API_TOKEN"');
    expect(job.output).toContain('token=hunter2hunter2; abc');
    await eventually(() => linesOf(job.id).length >= 2);
    expect(firstArrivals(linesOf(job.id))).toEqual(['token=[masked]; abc', '[masked][masked]']);
  });

  it('follows the setting of the service, as it is when a line is sent', async () => {
    const service = await server.seedService({}, { details: WORKER_DETAILS });
    await server.call('PUT', `/services/${service}/env-vars/API_TOKEN`, { value: 'hunter2hunter2' });
    const set = (maskSecrets: boolean) => server.call('PATCH', `/services/${service}`, { maskSecrets });
    const job = await server.createJob(service, 'while :; do echo "$API_TOKEN"; sleep 0.1; done');
    const last = () => linesOf(job.id).at(-1)?.message;
    await eventually(() => last() === '[masked]', { what: 'a masked line' });
    await set(false);
    await eventually(() => last() === 'hunter2hunter2', { what: 'a line as it was written' });
    await set(true);
    await eventually(() => last() === '[masked]', { what: 'a masked line again' });
    await server.call('POST', `/services/${service}/jobs/${job.id}/cancel`);
  });

  it('leaves out the lines of a service that is set to drop', async () => {
    const [loud, quiet] = [await server.seedService(), await server.seedService()];
    const set = await server.call('PUT', `/logs/streams/resource/${quiet}`, { setting: 'drop' });
    expect(set).toMatchObject({ status: 200, body: { resourceId: quiet, setting: 'drop' } });
    const dropped = await server.run(quiet, 'echo dropped');
    const sent = await server.run(loud, 'echo sent');
    await eventually(() => linesOf(sent.id).length > 0);
    expect(linesOf(dropped.id)).toEqual([]);
  });
});
