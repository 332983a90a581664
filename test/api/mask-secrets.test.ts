import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log, Service } from '../../src/api/contract-types.ts';
import type { PresentedJob } from '../../src/jobs/present-job.ts';
import { newId } from '../../src/shared/ids.ts';
import { eventually } from '../support/eventually.ts';
import { readEvents, subscribe } from '../support/live-logs.ts';
import { WORKER_DETAILS } from '../support/seed-service.ts';
import { TestServer } from '../support/server.ts';

const TOKEN = 'hunter2hunter2';

let server: TestServer;
let owner: string;
let service: string;
let job: PresentedJob;

beforeAll(async () => {
  server = await TestServer.start({ executor: 'process' });
  owner = await server.workspaceId();
  service = await server.seedService({}, { details: WORKER_DETAILS });
  await server.call('PUT', `/services/${service}/env-vars/API_TOKEN`, { value: TOKEN });
  await server.call('PUT', `/services/${service}/env-vars/SHORT`, { value: 'abc' });
  await server.call('PUT', `/services/${service}/secret-files/key.pem`, {
    content: 'first line\nsecond line\n',
  });
  job = await server.run(service, 'echo "token=$API_TOKEN"; echo "$SHORT"; echo "a second line"');
});
afterAll(() => server.close());

const setMasking = async (maskSecrets: boolean) => {
  const { status } = await server.call('PATCH', `/services/${service}`, { maskSecrets });
  expect(status).toBe(200);
};
const search = (query: Record<string, string>) => new URLSearchParams({ ownerId: owner, ...query });
const listed = async (query: Record<string, string>) => {
  const path = `/logs?${search({ direction: 'forward', ...query })}`;
  return (await server.call<{ logs: Log[] }>('GET', path)).body.logs.map((line) => line.message);
};
const subscribed = async (query: Record<string, string>) => {
  const { lines, closed } = await subscribe(server, query);
  expect(await closed).toBe(1000);
  return lines.map((line) => line.message);
};
const streamed = async (query: Record<string, string>) =>
  (await readEvents(server, query)).flatMap(({ event, data }) =>
    data && !event ? [(JSON.parse(data) as Log).message] : [],
  );
const readers = { listed, subscribed, streamed };

const PLAIN = [`token=${TOKEN}`, 'abc', 'a second line'];
const MASKED = ['token=[masked]', 'abc', 'a [masked]'];

describe('maskSecrets of a service', () => {
  it('is shown when it was set, and stays when something else is changed', async () => {
    const other = await server.seedService({}, { details: WORKER_DETAILS });
    const shown = async () => (await server.call<Service>('GET', `/services/${other}`)).body;
    expect(await shown()).not.toHaveProperty('maskSecrets');
    for (const maskSecrets of [true, false]) {
      const changed = await server.call<Service>('PATCH', `/services/${other}`, { maskSecrets });
      expect(changed).toMatchObject({ status: 200, body: { maskSecrets } });
      await server.call('PATCH', `/services/${other}`, { branch: 'next' });
      expect(await shown()).toMatchObject({ branch: 'next', maskSecrets });
    }
  });

  it('can be given when the service is made', async () => {
    const given = {
      type: 'background_worker',
      name: 'masked-from-the-start',
      ownerId: owner,
      repo: 'https://example.com/team/app',
      serviceDetails: {
        runtime: 'node',
        envSpecificDetails: { buildCommand: 'true', startCommand: 'true' },
      },
    };
    const made = await server.call('POST', '/services', { ...given, maskSecrets: true });
    expect(made).toMatchObject({ status: 201, body: { service: { maskSecrets: true } } });
  });

  it('must be true or false', async () => {
    const answer = await server.call<{ message: string }>('PATCH', `/services/${service}`, {
      maskSecrets: 'yes',
    });
    expect(answer.status).toBe(400);
    expect(answer.body.message).toContain('maskSecrets');
  });
});

describe.each(Object.entries(readers))('lines that are %s', (_how, read) => {
  it('are as the program wrote them where nothing was set', async () => {
    const other = await server.seedService({}, { details: WORKER_DETAILS });
    await server.call('PUT', `/services/${other}/env-vars/API_TOKEN`, { value: TOKEN });
    const { id } = await server.run(other, 'echo "token=$API_TOKEN"');
    expect(await read({ resource: id })).toEqual([`token=${TOKEN}`]);
  });

  it('have no secrets while the setting is true, and have them again when it is false', async () => {
    await setMasking(true);
    expect(await read({ resource: job.id })).toEqual(MASKED);
    await setMasking(false);
    expect(await read({ resource: job.id })).toEqual(PLAIN);
  });

  it('are found by what is shown of them, so that no filter tells a secret', async () => {
    await setMasking(true);
    const found = (text: string) => read({ resource: job.id, text });
    expect(await found('hunter')).toEqual([]);
    expect(await found('token=h*')).toEqual([]);
    expect(await found('/^token=h/')).toEqual([]);
    expect(await found('[MASKED]')).toEqual(['token=[masked]', 'a [masked]']);
    expect(await found('token=[')).toEqual(['token=[masked]']);
    await setMasking(false);
    expect(await found('hunter')).toEqual([PLAIN[0]]);
  });
});

describe('lines of a service with maskSecrets', () => {
  beforeEach(() => setMasking(true));

  it('give no label for a guess at a secret', async () => {
    const levels = async (text: string) =>
      (await server.call('GET', `/logs/values?${search({ resource: job.id, label: 'level', text })}`)).body;
    expect(await levels('hunter')).toEqual([]);
    expect(await levels('masked')).toEqual(['info']);
  });

  it('hide what the job was given, also after the variable was changed', async () => {
    const other = await server.seedService({}, { details: WORKER_DETAILS });
    const variable = `/services/${other}/env-vars/API_TOKEN`;
    await server.call('PUT', variable, { value: TOKEN });
    await server.call('PATCH', `/services/${other}`, { maskSecrets: true });
    const earlier = await server.run(other, 'echo "$API_TOKEN"');
    await server.call('PUT', variable, { value: 'another-value' });
    const later = await server.run(other, 'echo "$API_TOKEN"');
    expect([earlier.output, later.output]).toEqual([['[masked]'], ['[masked]']]);
    expect(await listed({ resource: `${earlier.id},${later.id},${job.id}` })).toEqual([
      ...MASKED,
      '[masked]',
      '[masked]',
    ]);
  });

  it('hide a secret on the border of two pieces of a long line', async () => {
    const long = await server.run(service, `head -c 65529 /dev/zero | tr '\\0' x; echo "$API_TOKEN"`);
    expect(long.output).toHaveLength(2);
    expect(long.output.join('')).toContain('[masked]');
    expect(long.output.join('')).not.toMatch(/hunt|ter2/);
    expect(await listed({ resource: long.id, text: 'hunt' })).toEqual([]);
  });

  it("hide the service's values in the lines of its builds", async () => {
    const { logStore } = server.running.context;
    await logStore.append(service, newId('dep'), 'stdout', `fetched with ${TOKEN}`);
    expect(await listed({ resource: service })).toEqual(['fetched with [masked]']);
    expect(await listed({ resource: service, text: 'hunter' })).toEqual([]);
  });

  it('follow a change of the setting while they are being read', async () => {
    const running = await server.createJob(service, 'while :; do echo "$API_TOKEN"; sleep 0.05; done');
    const { lines, closed } = await subscribe(server, { resource: running.id });
    await eventually(() => lines.at(-1)?.message === '[masked]', { what: 'a masked line' });
    await setMasking(false);
    await eventually(() => lines.at(-1)?.message === TOKEN, { what: 'a line as it was written' });
    await setMasking(true);
    await eventually(() => lines.at(-1)?.message === '[masked]', { what: 'a masked line again' });
    await server.call('POST', `/services/${service}/jobs/${running.id}/cancel`);
    expect(await closed).toBe(1000);
  });
});
