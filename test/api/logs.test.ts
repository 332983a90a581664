import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log } from '../../src/api/contract-types.ts';
import { newId } from '../../src/shared/ids.ts';
import { eventually } from '../support/eventually.ts';
import { type Event, readEvents, subscribe } from '../support/live-logs.ts';
import { ADMIN_KEY, TestServer } from '../support/server.ts';

interface Page {
  hasMore: boolean;
  nextStartTime: string;
  nextEndTime: string;
  logs: Log[];
}

let server: TestServer;
let service: string;
let owner: string;

beforeAll(async () => {
  server = await TestServer.start();
  service = await server.seedService();
  owner = await server.workspaceId();
});
afterAll(() => server.close());

const list = (query: string) => server.call<Page>('GET', `/logs?ownerId=${owner}&${query}`);
const label = (line: Log, name: string) => line.labels.find((one) => one.name === name)?.value;
const messages = (lines: Log[]) => lines.map((line) => line.message);
const numbers = (to: number) => Array.from({ length: to }, (_, index) => String(index + 1));

describe('GET /logs', () => {
  it('shows a line with its labels, which the contract has names for, and beside them what it has not', async () => {
    const job = await server.run(service, 'echo hi; echo no >&2');
    const { status, body } = await list(`resource=${job.id}&direction=forward`);
    expect(status).toBe(200);
    expect(messages(body.logs).sort()).toEqual(['hi', 'no']);
    const hi = body.logs.find((line) => line.message === 'hi')!;
    expect(Object.fromEntries(hi.labels.map(({ name, value }) => [name, value]))).toEqual({
      resource: job.id,
      instance: job.id,
      level: 'info',
      type: 'app',
    });
    expect(hi).toMatchObject({ stream: 'stdout', service });
    expect(label(body.logs.find((line) => line.message === 'no')!, 'level')).toBe('error');
    expect(hi.timestamp >= job.startedAt!).toBe(true);
    expect(hi.timestamp <= job.finishedAt!.replace('Z', '999Z')).toBe(true);
  });

  it('begins with the newest line unless asked for the oldest first', async () => {
    const job = await server.run(service, 'seq 1 250');
    const backward = await list(`resource=${job.id}`);
    expect(messages(backward.body.logs)).toEqual(numbers(250).reverse().slice(0, 20));
    expect(backward.body.hasMore).toBe(true);
    const forward = await list(`resource=${job.id}&direction=forward&limit=1000`);
    expect(messages(forward.body.logs)).toEqual(numbers(100));
    const range = `startTime=${job.startedAt}&endTime=${job.finishedAt}`;
    for (const direction of ['forward', 'backward']) {
      const all: Log[] = [];
      let page = (await list(`resource=${job.id}&limit=7&direction=${direction}&${range}`)).body;
      for (;;) {
        all.push(...page.logs);
        if (!page.hasMore) break;
        const next = `startTime=${page.nextStartTime}&endTime=${page.nextEndTime}`;
        page = (await list(`resource=${job.id}&limit=7&direction=${direction}&${next}`)).body;
      }
      expect(messages(all)).toEqual(direction === 'forward' ? numbers(250) : numbers(250).reverse());
      expect(new Set(all.map((line) => line.id)).size).toBe(250);
    }
  });

  it('has all keys for a job without output, and epoch times are taken as well', async () => {
    const job = await server.run(service, 'true');
    const { body } = await list(`resource=${job.id}&startTime=1700000000&endTime=1700000001`);
    expect(body).toEqual({
      hasMore: false,
      nextStartTime: '2023-11-14T22:13:20.000000000Z',
      nextEndTime: '2023-11-14T22:13:21.000000000Z',
      logs: [],
    });
  });

  it('recognises levels, and filters by level, text, wildcards and regular expressions', async () => {
    const lines = [
      '{"level":"warn","msg":"json"}',
      'level=debug msg="logfmt"',
      '{"severity":"CRITICAL"}',
      'plain 100% of /tmp',
      '{"level":50,"msg":"pino"}',
    ];
    const job = await server.run(service, lines.map((line) => `echo '${line}'`).join('; '));
    const found = async (query: string) =>
      messages((await list(`resource=${job.id}&direction=forward&${query}`)).body.logs);
    expect(await found('level=warning,critical')).toEqual([lines[0], lines[2]]);
    expect(await found('level=d*')).toEqual([lines[1]]);
    expect(await found('level=%2F%5Eerr%2F')).toEqual([lines[4]]);
    expect(await found('text=PLAIN')).toEqual([lines[3]]);
    expect(await found(`text=${encodeURIComponent('plain*tmp')}`)).toEqual([lines[3]]);
    expect(await found(`text=${encodeURIComponent('/^plain \\d+%/')}`)).toEqual([lines[3]]);
    expect(await found('text=json&text=logfmt')).toEqual([lines[0], lines[1]]);
    expect(await found('text=json&level=debug')).toEqual([]);
    expect(await found('type=build')).toEqual([]);
    expect(await found('host=example.com')).toEqual([]);
    expect(await found(`instance=${job.id}&type=app`)).toHaveLength(5);
  });

  it('answers a pattern that backtracking engines never finish', async () => {
    const job = await server.run(service, `printf 'a%.0s' $(seq 1 40000); echo`);
    const { body } = await list(`resource=${job.id}&text=${encodeURIComponent('/(a+)+$x/')}`);
    expect(body.logs).toEqual([]);
  });

  it('lists the values of a label', async () => {
    const job = await server.run(service, 'echo out; echo err >&2');
    const values = async (name: string) =>
      (await server.call('GET', `/logs/values?ownerId=${owner}&resource=${job.id}&label=${name}`)).body;
    expect(await values('level')).toEqual(['error', 'info']);
    expect(await values('type')).toEqual(['app']);
    expect(await values('instance')).toEqual([job.id]);
    expect(await values('host')).toEqual([]);
  });

  it.each([
    ['an unknown job', () => `resource=${newId('job')}`, 404, 'not found: job-'],
    ['something that is no id', () => 'resource=..%2f..%2fetc', 404, 'not found: ../../etc'],
    ['no resource', () => '', 400, 'resource is required'],
    ['a broken pattern', () => `resource=${service}&text=%2F(%2F`, 400, 'query parameter text'],
    ['a wrong time', () => `resource=${service}&startTime=yesterday`, 400, 'startTime'],
    ['a wrong direction', () => `resource=${service}&direction=up`, 400, 'direction'],
    ['a limit of nothing', () => `resource=${service}&limit=0`, 400, 'limit'],
  ])('refuses %s', async (_what, query, status, message) => {
    const answer = await server.call<{ message: string }>('GET', `/logs?ownerId=${owner}&${query()}`);
    expect(answer.status).toBe(status);
    expect(answer.body.message).toContain(message);
  });

  it("refuses another workspace's name", async () => {
    const other = newId('tea');
    const answer = await server.call('GET', `/logs?ownerId=${other}&resource=${service}`);
    expect(answer).toMatchObject({ status: 404, body: { message: `not found: ${other}` } });
  });
});

describe('GET /logs/subscribe', () => {
  it('gives what is there, then what comes, and closes when the job is final', async () => {
    const job = await server.createJob(service, 'seq 1 500; sleep 0.3; seq 501 1000; printf end');
    const { lines, closed } = await subscribe(server, { resource: job.id });
    expect(await closed).toBe(1000);
    expect(messages(lines)).toEqual([...numbers(1000), 'end']);
    const late = await subscribe(server, { resource: job.id });
    expect(await late.closed).toBe(1000);
    expect(late.lines).toEqual(lines);
  });

  it('takes the start from the query, and goes on after a line', async () => {
    const job = await server.run(service, 'seq 1 300');
    const all = (await list(`resource=${job.id}&direction=forward&limit=100`)).body.logs;
    const byTime = await subscribe(server, { resource: job.id, startTime: all[49]!.timestamp });
    await byTime.closed;
    expect(messages(byTime.lines)).toEqual(numbers(300).slice(49));
    const byPlace = await subscribe(server, { resource: job.id, after: all[49]!.id });
    await byPlace.closed;
    expect(messages(byPlace.lines)).toEqual(numbers(300).slice(50));
  });

  it('follows several jobs with filters', async () => {
    const jobs = await Promise.all([1, 2, 3].map((n) => server.createJob(service, `seq ${n}0 ${n}9`)));
    const resource = jobs.map((job) => job.id).join(',');
    const { lines, closed } = await subscribe(server, { resource, text: '/[05]$/' });
    expect(await closed).toBe(1000);
    expect(messages(lines).sort()).toEqual(['10', '15', '20', '25', '30', '35']);
  });

  it('refuses before the upgrade', async () => {
    await expect(subscribe(server, { resource: service }, 'wrong')).rejects.toThrow('401');
    await expect(subscribe(server, { resource: newId('job') })).rejects.toThrow('404');
    await expect(subscribe(server, { resource: service, text: '/(/' })).rejects.toThrow('400');
    await expect(subscribe(server, { resource: service, after: 'nonsense' })).rejects.toThrow('400');
  });

  it('tells a plain request what to do', async () => {
    const answer = await server.call('GET', `/logs/subscribe?ownerId=${owner}&resource=${service}`);
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining('WebSocket') } });
  });

  it('lets go of a service subscription when the client does', async () => {
    const { socket, closed } = await subscribe(server, { resource: service });
    socket.close();
    await closed;
    await eventually(() => server.running.app.websocketServer.clients.size === 0);
  });
});

describe('GET /logs/stream', () => {
  const data = (events: Event[]) =>
    events.flatMap(({ event, data: text }) => (text && !event ? [(JSON.parse(text) as Log).message] : []));

  it('sends events with ids to go on from, and an end', async () => {
    const job = await server.createJob(service, 'seq 1 200; sleep 0.2; seq 201 400');
    const events = await readEvents(server, { resource: job.id });
    expect(data(events)).toEqual(numbers(400));
    expect(events.at(-1)).toEqual({ event: 'end', data: '{}' });
  });

  it('goes on where a client was cut off, 20 times at random, with 0 gaps and 0 repeats', async () => {
    const jobs = await Promise.all(
      [0, 1].map((n) =>
        server.createJob(
          service,
          `for i in $(seq 1 600); do echo ${n}-$i; [ $((i % 50)) = 0 ] && sleep 0.05; done; true`,
        ),
      ),
    );
    const resource = jobs.map((job) => job.id).join(',');
    const got: string[] = [];
    let lastEventId: string | undefined;
    for (let cut = 0; cut < 20; cut++) {
      const count = 1 + Math.floor(Math.random() * 40);
      const events = await readEvents(
        server,
        { resource },
        { lastEventId, until: (sofar) => data(sofar).length >= count },
      );
      got.push(...data(events));
      lastEventId = events.findLast((event) => event.id)?.id ?? lastEventId;
    }
    got.push(...data(await readEvents(server, { resource }, { lastEventId })));
    for (const n of [0, 1]) {
      const own = got.filter((message) => message.startsWith(`${n}-`));
      expect(own).toEqual(numbers(600).map((i) => `${n}-${i}`));
    }
  });

  it('carries whatever a program prints', async () => {
    const job = await server.run(
      service,
      `printf '\\xe2\\x80\\xa8 \\r \\0 \\xff data: x\\n'; head -c 200000 /dev/urandom`,
    );
    const sent = data(await readEvents(server, { resource: job.id }));
    const { lines, closed } = await subscribe(server, { resource: job.id });
    expect(await closed).toBe(1000);
    expect(sent[0]).toBe('\u2028 \r \0 \ufffd data: x');
    expect(sent).toEqual(messages(lines));
  });

  it('answers 204 to a client that has everything', async () => {
    const job = await server.run(service, 'echo only');
    const events = await readEvents(server, { resource: job.id });
    const lastEventId = events.findLast((event) => event.id)?.id;
    await expect(readEvents(server, { resource: job.id }, { lastEventId })).rejects.toThrow('204');
  });
});

describe('a reader that takes nothing', () => {
  it('does not hold up others', async () => {
    const job = await server.createJob(service, 'seq 1 300000');
    const path = `/v1/logs/stream?ownerId=${owner}&resource=${job.id}`;
    const { hostname, port } = new URL(server.url);
    const lazy = connect(Number(port), hostname);
    lazy.pause();
    lazy.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n`);
    try {
      await server.finished(job.id);
      const { lines, closed } = await subscribe(server, { resource: job.id });
      expect(await closed).toBe(1000);
      expect(lines).toHaveLength(300_000);
      expect(lines.at(-1)?.message).toBe('300000');
    } finally {
      lazy.destroy();
    }
  }, 60_000);
});
