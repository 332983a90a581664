/** Values for a JSON schema of the contract: valid ones, and valid ones with one thing wrong. */
import fc from 'fast-check';
import type { JsonSchema } from '../../src/api/contract.ts';

export type Schemas = Record<string, JsonSchema>;

/** Ids of things that are there, by prefix; requests that succeed add to it. */
export type Pool = Map<string, string[]>;

/**
 * Fields that reach the world outside: a shell, a network. Tests run them without isolation, so they have nothing but
 * harmless values; what is wrong about them is their type or their size.
 */
const HARMLESS: Record<string, readonly string[]> = {
  startCommand: ['true', 'echo hi', 'exit 3'],
  buildCommand: ['true', 'exit 1'],
  preDeployCommand: ['true'],
  dockerCommand: ['true'],
  repo: ['file:///nowhere/team/app', 'https://repository.invalid/team/app'],
  url: ['https://hooks.invalid/x', 'http://hooks.invalid'],
  uri: ['https://maintenance.invalid'],
  endpoint: ['logs.invalid:6514'],
  imagePath: ['registry.invalid/team/app:1'],
  imageUrl: ['registry.invalid/team/app:2'],
};
const isOutward = (name: string): boolean => name in HARMLESS;

/** Fields that name things, with the prefixes of their ids. */
const REFERENCES: Record<string, readonly string[]> = {
  ownerId: ['tea'],
  serviceId: ['srv', 'crn'],
  serviceIds: ['srv', 'crn'],
  resourceIds: ['srv', 'crn', 'evg'],
  resource: ['srv', 'crn', 'job'],
  service: ['srv', 'crn'],
  instance: ['job'],
  environmentId: ['evm'],
  projectId: ['prj'],
  deployId: ['dep'],
  registryCredentialId: ['rgc'],
  diskId: ['dsk'],
};

const TEXTS = [
  '',
  'a',
  'name',
  'Ünïcödé ✓',
  'a,b',
  '../..',
  "'; DROP TABLE jobs; --",
  'x'.repeat(300),
  '0',
  'null',
];
const INSTANTS = ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.123456+02:00', '1700000000', '0', 'tomorrow'];

/** An id of the pool with one of the prefixes, now and then one that nobody has. */
export function idFrom(pool: Pool, prefixes: readonly string[]): fc.Arbitrary<string> {
  const ids = prefixes.flatMap((prefix) => pool.get(prefix) ?? []);
  const unknown = fc.constantFrom(`${prefixes[0]}-${'0'.repeat(20)}`, 'none', 'srv-1');
  return ids.length === 0
    ? unknown
    : fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...ids) }, { weight: 1, arbitrary: unknown });
}

/** A value that the schema allows. */
export function valid(schemas: Schemas, schema: JsonSchema, pool: Pool, name = ''): fc.Arbitrary<unknown> {
  if (typeof schema['$ref'] === 'string') {
    return valid(schemas, schemas[schema['$ref'].split('/').at(-1)!]!, pool, name);
  }
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  for (const word of ['anyOf', 'oneOf']) {
    const choices = schema[word] as JsonSchema[] | undefined;
    if (choices) return fc.oneof(...choices.map((choice) => valid(schemas, choice, pool, name)));
  }
  if (Array.isArray(schema['allOf'])) {
    const parts = (schema['allOf'] as JsonSchema[]).map((part) => valid(schemas, part, pool, name));
    return fc.tuple(...parts).map((values) => Object.assign({}, ...(values as object[])));
  }
  if (isOutward(name)) return fc.constantFrom(...HARMLESS[name]!);
  switch (schema['type']) {
    case 'array':
      return fc.array(valid(schemas, schema['items'] as JsonSchema, pool, name), { maxLength: 3 });
    case 'boolean':
      return fc.boolean();
    case 'number':
    case 'integer':
      return fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(-1, 1.5, 100, 1e9, 1e300));
    case 'null':
      return fc.constant(null);
    case 'string':
      return text(pool, name);
    default:
      return object(schemas, schema, pool);
  }
}

function text(pool: Pool, name: string): fc.Arbitrary<string> {
  const prefixes = REFERENCES[name];
  if (prefixes) return idFrom(pool, prefixes);
  if (/(Before|After|Time|^before|^after)$/.test(name)) return fc.constantFrom(...INSTANTS);
  if (name === 'name' || name === 'key') {
    return fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', 'C', '1', '_'), minLength: 1, maxLength: 12 }),
      fc.constantFrom(...TEXTS),
    );
  }
  return fc.oneof(fc.constantFrom(...TEXTS), fc.string({ maxLength: 20 }));
}

function object(schemas: Schemas, schema: JsonSchema, pool: Pool): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
  const required = new Set((schema['required'] as string[] | undefined) ?? []);
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, valid(schemas, property, pool, name)]),
  );
  return fc.record(model, { requiredKeys: Object.keys(model).filter((name) => required.has(name)) });
}

/** What no text is: for fields that must never get a text of chance. */
const WRONG = fc.constantFrom<unknown>(
  null,
  0,
  -1,
  true,
  [],
  {},
  [[]],
  { a: { b: [] } },
  '',
  '\u0000',
  1e300,
);

/** The value with one part replaced, removed or added at random. */
export function spoiled(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null) return WRONG;
  const names = Object.keys(value);
  if (names.length === 0) return fc.oneof(WRONG, fc.constant({ unexpected: 'field' }));
  return fc
    .tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 3 }), WRONG)
    .chain(([name, how, wrong]) => {
      const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
      if (how === 0) delete copy[name];
      else if (how === 1) copy[name] = wrong;
      else if (how === 2) copy['unexpected'] = wrong;
      else return spoiled(copy[name]).map((inner) => ({ ...copy, [name]: inner }) as unknown);
      return fc.constant(copy as unknown);
    });
}
