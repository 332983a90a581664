/**
 * Requests by chance, made from the OpenAPI document: valid ones, ones with something wrong, and ones that use what
 * earlier ones made. `npm run fuzz` sends 100,000; ERRAND_FUZZ_SEED repeats a run.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ContractOperation, loadContract } from '../../src/api/contract.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { type Answer, type ContractClient, findOperation } from '../support/contract-client.ts';
import { idFrom, type Pool, spoiled, valid } from '../support/schema-arbitrary.ts';
import { makeWorld, type World } from '../support/world.ts';

const REQUESTS = Number(process.env['ERRAND_FUZZ_REQUESTS'] ?? 5000);
const SEED = Number(process.env['ERRAND_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const REFILL_EVERY = 100;
const MINUTES = 1 + REQUESTS / 4000;

const { operations, schemas } = loadContract();
/** `stream-logs` lasts as long as its jobs; the socket needs an upgrade and has tests of its own. */
const callable = [...operations.values()].filter(
  ({ operationId }) => operationId !== 'stream-logs' && operationId !== 'wait-for-job',
);
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const CLIENTS = [
  ...(['admin', 'admin', 'admin', 'admin', 'developer', 'developer', 'developer', 'developer'] as const),
  ...(['viewer', 'foreign', 'stranger'] as const),
] as const;

interface Plan {
  operation: ContractOperation;
  method: string;
  path: string;
  body: unknown;
  client: (typeof CLIENTS)[number];
  idempotencyKey: string | undefined;
}

/** Prefixes of ids that a path parameter takes. */
const PARAMETER_PREFIXES: Record<string, string[]> = {
  serviceId: ['srv', 'crn'],
  cronJobId: ['crn', 'srv'],
  deployId: ['dep'],
  jobId: ['job'],
  diskId: ['dsk'],
  ownerId: ['tea'],
  registryCredentialId: ['rgc'],
  customDomainNameOrID: ['cdm'],
  eventId: ['evt'],
  resourceId: ['srv', 'crn', 'job'],
  projectId: ['prj'],
  environmentId: ['evm'],
  envGroupId: ['evg'],
  webhookId: ['whk'],
  keyId: ['key'],
};
const ODD_PARAMETERS = ['SHARED', 'a b', '..%2f..', '%00', 'x'.repeat(500), 'Ünï', '0', '-', "'"];

function planned(pool: Pool): fc.Arbitrary<Plan> {
  return fc.constantFrom(...callable).chain((operation) =>
    fc.record({
      operation: fc.constant(operation),
      method: fc.oneof(
        { weight: 19, arbitrary: fc.constant<string>(operation.method) },
        { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
      ),
      path: pathOf(operation, pool),
      body: bodyOf(operation, pool),
      client: fc.constantFrom(...CLIENTS),
      idempotencyKey: fc.oneof(
        { weight: 19, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom('one', 'two', 'three', '') },
      ),
    }),
  );
}

function pathOf(operation: ContractOperation, pool: Pool): fc.Arbitrary<string> {
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const values = names.map((name) => {
    const odd = fc.constantFrom(...ODD_PARAMETERS);
    const prefixes = PARAMETER_PREFIXES[name];
    if (!prefixes) return odd;
    return fc.oneof({ weight: 19, arbitrary: idFrom(pool, prefixes) }, { weight: 1, arbitrary: odd });
  });
  return fc.tuple(fc.tuple(...values), queryOf(operation, pool)).map(([given, query]) => {
    let at = 0;
    const path = operation.path.replaceAll(/\{\w+\}/g, () => encodeURI(given[at++]!).replaceAll('%25', '%'));
    return `/v1${path}${query === '' ? '' : `?${query}`}`;
  });
}

function queryOf(operation: ContractOperation, pool: Pool): fc.Arbitrary<string> {
  const parameters = operation.parameters.filter((one) => one.in === 'query');
  const pairs = parameters.map(({ name, schema, required }) => {
    const fitting = valid(schemas, schema, pool, name).map(
      (value) =>
        `${name}=${[value]
          .flat()
          .map((one) => encodeURIComponent(String(one)))
          .join(',')}`,
    );
    const odd = fc.constantFrom(
      `${name}=`,
      name,
      `${name}=%`,
      `${name}=%00`,
      `${name}=a&${name}=b`,
      `${name}=-1`,
    );
    const given = fc.oneof({ weight: 9, arbitrary: fitting }, { weight: 1, arbitrary: odd });
    return required
      ? fc.oneof({ weight: 19, arbitrary: given }, { weight: 1, arbitrary: fc.constant('') })
      : fc.oneof({ weight: 1, arbitrary: given }, { weight: 2, arbitrary: fc.constant('') });
  });
  return fc.tuple(...pairs).map((texts) => texts.filter((one) => one !== '').join('&'));
}

const NO_JSON = ['', '{', '[[[[', 'null', '"text"', '7', '{"a":1}garbage', '\u0000', '[]', '{}'];

function bodyOf(operation: ContractOperation, pool: Pool): fc.Arbitrary<unknown> {
  if (!operation.body) return fc.constantFrom(undefined, undefined, undefined, {}, '{');
  const fitting = valid(schemas, operation.body, pool);
  return fc.oneof(
    { weight: 6, arbitrary: fitting },
    { weight: 3, arbitrary: fitting.chain(spoiled) },
    { weight: 1, arbitrary: fc.constantFrom(undefined, ...NO_JSON) },
  );
}

/** Ids in an answer are there for later requests. Keys are not taken: a revoked one would end its client. */
function harvest(pool: Pool, body: unknown): void {
  for (const [id, prefix] of JSON.stringify(body ?? '').matchAll(/\b([a-z]{3})-[0-9a-v]{20}\b/g)) {
    if (prefix === 'key') continue;
    const ids = pool.get(prefix!) ?? [];
    if (ids.includes(id)) continue;
    ids.push(id);
    // The newest are the ones that are still there.
    pool.set(prefix!, ids.slice(-30));
  }
}

function newPool(world: World, foreign: TestApi): Pool {
  const pool: Pool = new Map();
  harvest(pool, [world.params, foreign.foreignServiceId]);
  return pool;
}

/** Chance deletes sooner than it makes: now and then there is one of everything again. */
async function refill({ admin, workspaceId: ownerId, seed }: TestApi, pool: Pool): Promise<void> {
  const type = fc.sample(fc.constantFrom('web_service' as const, 'cron_job' as const), 1)[0]!;
  const serviceId = await seed({ type });
  const shared = { key: 'SHARED', value: 'shared' };
  const project = { name: 'project', ownerId, environments: [{ name: 'prod' }] };
  const made = [
    serviceId,
    await admin.call('create-env-group', {
      body: { name: 'group', ownerId, envVars: [shared], serviceIds: [serviceId] },
    }),
    await admin.call('create-project', { body: project }),
    await admin.call('create-webhook', {
      body: { ownerId, url: 'https://hooks.invalid', name: 'hook', enabled: true, eventFilter: [] },
    }),
    await admin.call('create-registry-credential', {
      body: { registry: 'DOCKER', name: 'hub', username: 'me', authToken: 'token', ownerId },
    }),
    await admin.call('update-env-var', { params: { serviceId, envVarKey: 'SHARED' }, body: shared }),
    await admin.call('add-or-update-secret-file', {
      params: { serviceId, envVarKey: 'SHARED' },
      body: { content: 'shared' },
    }),
    await admin.call('add-disk', { body: { name: 'disk', sizeGB: 1, mountPath: '/data', serviceId } }),
    await admin.call('post-job', { params: { serviceId }, body: { startCommand: 'true' } }),
  ];
  harvest(pool, made);
}

async function send(plan: Plan, client: ContractClient): Promise<Answer> {
  return client.request({
    method: plan.method,
    path: plan.path,
    ...(plan.body === undefined ? {} : { body: plan.body }),
    ...(plan.idempotencyKey === undefined ? {} : { headers: { 'idempotency-key': plan.idempotencyKey } }),
  });
}

test(`${REQUESTS} requests by chance: every answer is declared, none is a failure of the server`, {
  timeout: MINUTES * 60_000,
}, async () => {
  const api = await startApi({ maxJobs: '2', maxBuilds: '1' });
  const world = await makeWorld(api);
  const pool = newPool(world, api);
  const counts = new Map<number, number>();
  let sent = 0;
  const succeeded = new Set<string>();
  try {
    // The pool changes while requests go out, so each is made when its turn comes.
    const property = fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), async (seed) => {
      if (sent % REFILL_EVERY === 0) await refill(api, pool);
      sent += 1;
      const [plan] = fc.sample(planned(pool), { numRuns: 1, seed });
      const answer = await send(plan!, api[plan!.client]);
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
      if (!findOperation(plan!.method, plan!.path)) {
        expect(answer.status, `${plan!.method} ${plan!.path}`).toBeOneOf([400, 401, 404, 405, 501]);
        return;
      }
      const isShell = plan!.operation.operationId === 'create-ephemeral-shell';
      expect(answer.status, JSON.stringify([plan, answer.body])).toBeLessThan(isShell ? 502 : 500);
      if (answer.status >= 300) return;
      succeeded.add(plan!.operation.operationId);
      harvest(pool, answer.body);
    });
    await fc.assert(property, { numRuns: REQUESTS, seed: SEED, endOnFailure: true });
  } finally {
    world.repository.remove();
    await api.close();
  }
  console.log(`seed ${SEED}; answers by status`, Object.fromEntries([...counts].sort(([a], [b]) => a - b)));
  // Chance that never gets anywhere would prove nothing.
  expect(succeeded.size).toBeGreaterThan(callable.length * 0.7);
});
