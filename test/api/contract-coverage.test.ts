import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadContract } from '../../src/api/contract.ts';
import type { OperationId } from '../../src/api/contract-types.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { seenAnswers } from '../support/contract-client.ts';
import { subscribe } from '../support/live-logs.ts';
import { callIn, inOrder, makeWorld, type World } from '../support/world.ts';

const contract = loadContract({ extended: false });
const extended = loadContract();
const ids = inOrder([...extended.operations.keys()] as OperationId[]);
const pathOf = (id: OperationId): string => extended.operations.get(id)!.path;

/** What has no success by design: there is no shell and none of these kinds. */
const NEVER_SUCCEEDS: ReadonlySet<string> = new Set([
  'create-ephemeral-shell',
  ...['postgres', 'key-value', 'redis', 'workflows', 'blueprints'].map((kind) => `retrieve-${kind}`),
]);
/** Answered over a connection that lasts; it is tried by hand. */
const STREAMS: ReadonlySet<string> = new Set(['subscribe-logs', 'stream-logs']);
/** What a stranger's ids in the path do not reach: the whole answer is about the caller's own workspace. */
const WITHOUT_IDS = ids.filter((id) => !pathOf(id).includes('{'));

let api: TestApi;
let world: World;
beforeAll(async () => {
  api = await startApi();
  world = await makeWorld(api);
});
afterAll(async () => {
  world.repository.remove();
  await api.close();
});

test('the contract has 105 operations, and all of them are served', () => {
  expect(contract.operations.size).toBe(105);
  const missing = ids.filter((id) => {
    const { method, path } = extended.operations.get(id)!;
    const url = `/v1${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    return !api.server.running.app.hasRoute({ method, url });
  });
  expect(missing).toEqual([]);
});

// Before anything is deleted by the calls that succeed.
describe('without a key', () => {
  test.each(ids)('%s answers 401', async (id) => {
    const answer = await callIn(world, id, pathOf(id), api.stranger);
    expect(answer).toMatchObject({ status: 401, body: { message: expect.stringContaining('Bearer') } });
  });
});

describe('with a key of another workspace', () => {
  test.each(ids.filter((id) => pathOf(id).includes('{')))('%s answers 404', async (id) => {
    const answer = await callIn(world, id, pathOf(id), api.foreign);
    expect(answer.status).toBe(404);
    expect((answer.body as { message: string }).message).toMatch(/^not found: /);
  });

  // The audit log of the other workspace tells which ids of this one it asked for in vain, as it should.
  const lists = WITHOUT_IDS.filter((id) => id.startsWith('list-') && id !== 'list-audit-entries');
  test.each(lists)('%s shows nothing of this one', async (id) => {
    const answer = await callIn(world, id, pathOf(id), api.foreign);
    const text = JSON.stringify(answer.body);
    const shown = Object.entries(world.params).filter(
      ([name, value]) => name !== 'envVarKey' && text.includes(value),
    );
    // A refusal names the id that was asked for, and nothing else.
    expect(answer.status >= 400 ? [] : shown).toEqual([]);
  });
});

describe('with a key of the workspace', () => {
  test.each(ids.filter((id) => !STREAMS.has(id) && !NEVER_SUCCEEDS.has(id)))('%s succeeds', async (id) => {
    const answer = await callIn(world, id, pathOf(id));
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  });

  test.each([...NEVER_SUCCEEDS] as OperationId[])('%s says that there is none', async (id) => {
    const answer = await callIn(world, id, pathOf(id), api.developer);
    expect(answer.status).toBeOneOf([404, 501]);
  });

  test('subscribe-logs upgrades to a WebSocket', async () => {
    const job = await api.server.createJob(await api.seed(), 'echo followed');
    const subscription = await subscribe(api.server, { resource: job.id });
    await api.server.finished(job.id);
    expect(await subscription.closed).toBe(1000);
    expect(subscription.lines.map(({ message }) => message)).toEqual(['followed']);
  });
});

test('each of the 105 was met with a success and with a refusal', () => {
  const met = (id: string, fits: (status: number) => boolean): boolean =>
    [...seenAnswers].some((seen) => seen.startsWith(`${id} `) && fits(Number(seen.split(' ')[1])));
  // The subscription's success is not an answer but an upgrade, tried above.
  const without = [...contract.operations.keys()].filter(
    (id) =>
      !met(id, (status) => status >= 400) ||
      !(met(id, (status) => status < 300) || NEVER_SUCCEEDS.has(id) || STREAMS.has(id)),
  );
  expect(without).toEqual([]);
});
