/**
 * Registers handlers by the contract's operationId. Path, method, parameters and body are validated from the contract
 * itself, so a handler receives what its generated type promises and no route can drift from the contract.
 */
import type { Socket } from 'node:net';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import type { Role } from '../db/schema.ts';
import { invalid, quote } from '../errors.ts';
import { leastRole } from './authorisation.ts';
import { type Conduct, isAudited } from './conduct.ts';
import type { Contract, ContractOperation, JsonSchema, Parameter } from './contract.ts';
import type { OperationId, Operations } from './contract-types.ts';
import { declaredOnly } from './declared-only.ts';
import type { KeyWatch, Lease } from './key-watch.ts';
import { withDefaults, withoutRequiredDefaults } from './request-schemas.ts';

/** Who calls: a key belongs to one workspace and has one role. */
export interface Caller {
  workspaceId: string;
  keyId: string;
  role: Role;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** The least role that may call. */
    role?: Role;
    operationId?: string;
    /** False for the few routes that need no key. */
    authenticated?: boolean;
  }
}

export interface Call<Id extends OperationId> {
  params: Operations[Id]['params'];
  query: Operations[Id]['query'];
  body: Operations[Id]['body'];
  caller: Caller;
  request: FastifyRequest;
  reply: FastifyReply;
}

export type Handler<Id extends OperationId> = (
  call: Call<Id>,
) => Promise<Operations[Id]['answer'] | undefined>;

/** Operations that existing clients call without a body when they have nothing to say in it. */
const BODY_OPTIONAL: ReadonlySet<string> = new Set(['create-deploy']);

export class OperationRegistry {
  readonly registered = new Set<string>();
  readonly #app: FastifyInstance;
  /** Of the contract, what is not registered yet: its paths and answers are of no use after that. */
  readonly #operations: Map<string, ContractOperation>;
  readonly schemas: Contract['schemas'];
  readonly #conduct: Conduct;
  readonly #keys: KeyWatch;
  readonly #ajv: Ajv2020;
  readonly #stopping = new AbortController();

  constructor(app: FastifyInstance, contract: Contract, conduct: Conduct, keys: KeyWatch) {
    this.#app = app;
    this.#operations = contract.operations;
    this.schemas = contract.schemas;
    this.#conduct = conduct;
    this.#keys = keys;
    app.addHook('preClose', async () => this.#stopping.abort());
    // No coercion and no defaults: what a client sent is what is judged and stored. That the contract's own schemas are
    // sound is a test's concern, not each start's.
    this.#ajv = new Ajv2020({
      strict: false,
      allErrors: false,
      validateFormats: false,
      validateSchema: false,
      verbose: true,
    });
    const schemas = withoutRequiredDefaults(contract.schemas, contract.schemas);
    this.#ajv.addSchema({ $id: 'contract', components: { schemas } });
  }

  /** Serves one operation of the contract. @throws at start-up for an unknown or repeated operation */
  add<Id extends OperationId>(id: Id, handler: Handler<Id>): void {
    const operation = this.#take(id);
    const readQuery = queryReader(operation, (schema) => this.#compile(schema));
    const checkBody = operation.body
      ? bodyChecker(
          this.#compile(withoutRequiredDefaults(this.schemas, operation.body)),
          this.schemas,
          operation.body,
          operation,
        )
      : undefined;
    const bodyOptional = BODY_OPTIONAL.has(id);
    const defaultStatus = operation.success[0] ?? 200;
    const audited = isAudited(id, operation.method);
    const { needsBody } = operation;
    this.#app.route({
      method: operation.method,
      url: `/v1${operation.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      config: {
        operationId: id,
        role: leastRole(id, operation.method),
      },
      handler: async (request, reply) => {
        checkParams(request.params as Record<string, string>);
        const query = readQuery(request.query as Record<string, string | string[]>);
        const given = request.body ?? (bodyOptional ? {} : request.body);
        const body = isNothing(given) && !needsBody ? undefined : checkBody?.(given);
        reply.code(defaultStatus);
        const call: Call<Id> = {
          params: request.params as Operations[Id]['params'],
          query: query as Operations[Id]['query'],
          body: body as Operations[Id]['body'],
          caller: request.caller,
          request,
          reply,
        };
        const answer = await (audited
          ? this.#conduct.run(request, reply, () => handler(call))
          : handler(call));
        return reply.sent ? reply : reply.send(answer);
      },
    });
  }

  /**
   * Serves an operation that answers over a WebSocket. `prepare` runs before the upgrade, so what it throws is an
   * ordinary HTTP error; a request without an upgrade is refused. `connect` also gets what the socket speaks through:
   * it may write whole frames there, since none is ever compressed and each goes out at once.
   */
  addSocket<Id extends OperationId, Ready>(
    id: Id,
    prepare: (call: Omit<Call<Id>, 'body' | 'reply'>) => Promise<Ready>,
    connect: (socket: WebSocket, ready: Ready, request: FastifyRequest, connection: Socket) => void,
  ): void {
    const operation = this.#take(id);
    const readQuery = queryReader(operation, (schema) => this.#compile(schema));
    const prepared = new WeakMap<FastifyRequest, Ready>();
    this.#app.route({
      method: 'GET',
      url: `/v1${operation.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      config: { operationId: id, role: leastRole(id, operation.method) },
      preHandler: async (request) => {
        checkParams(request.params as Record<string, string>);
        if (request.ws) checkHandshake(request);
        const ready = await prepare({
          params: request.params as Operations[Id]['params'],
          query: readQuery(request.query as Record<string, string | string[]>) as Operations[Id]['query'],
          caller: request.caller,
          request,
        });
        prepared.set(request, ready);
      },
      handler: async () => {
        throw invalid('this address is for WebSockets: connect with an upgrade');
      },
      wsHandler: (socket, request) => connect(socket, prepared.get(request)!, request, request.raw.socket),
    });
  }

  /** Serves an operation that is always refused, before its body is read. @param refuse throws */
  addRefused<Id extends OperationId>(
    id: Id,
    refuse: (params: Operations[Id]['params'], caller: Caller) => Promise<never>,
  ): void {
    const operation = this.#take(id);
    this.#app.route({
      method: operation.method,
      url: `/v1${operation.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      config: { operationId: id, role: leastRole(id, operation.method) },
      preParsing: async (request) => {
        checkParams(request.params as Record<string, string>);
        await refuse(request.params as Operations[Id]['params'], request.caller);
      },
      handler: async () => {
        throw new Error(`${id} was not refused`);
      },
    });
  }

  /** Serves a page that needs no key and is no operation. */
  addPublic(url: string, answer: (reply: FastifyReply) => FastifyReply): void {
    this.#app.route({
      method: 'GET',
      url,
      config: { authenticated: false },
      handler: async (_request, reply) => answer(reply),
    });
  }

  /** Aborts when the server begins to stop: what lasts ends itself then. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** For what lasts: tells when the caller's key is not good for the operation any more. Release it at the end. */
  leaseFor(request: FastifyRequest): Lease {
    return this.#keys.hold(request.caller, request.routeOptions.config.role ?? 'viewer');
  }

  /** The operation, once. @throws for an unknown or repeated one */
  #take(id: OperationId): ContractOperation {
    const operation = this.#operations.get(id);
    if (!operation) throw new Error(`operation ${id}: unknown or registered twice`);
    this.#operations.delete(id);
    this.registered.add(id);
    return operation;
  }

  /** Compiles when the first value is to be judged: most operations of the contract are never asked for. */
  #compile(schema: JsonSchema): () => ValidateFunction {
    let compiled: ValidateFunction | undefined;
    return () => {
      compiled ??= this.#ajv.compile(rebase(schema) as JsonSchema);
      return compiled;
    };
  }
}

/** References of the document point into the schema that was added under the name `contract`. */
function rebase(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(rebase);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === '$ref' && typeof value === 'string' ? value.replace('#/', 'contract#/') : rebase(value),
    ]),
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\x00-\x1f\x7f]/;

function checkParams(params: Record<string, string>): void {
  for (const name of Object.keys(params)) {
    if (CONTROL.test(params[name]!))
      throw invalid(`path parameter ${name} must not contain control characters`);
  }
}

/** What the WebSocket library would refuse without the error shape. @throws `invalidRequest` */
function checkHandshake({ headers }: FastifyRequest): void {
  const version = headers['sec-websocket-version'];
  if (version !== '13' && version !== '8') {
    throw invalid(`the header Sec-WebSocket-Version must be 13, got ${quote(version)}`);
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    throw invalid('the header Sec-WebSocket-Key must be 16 bytes in base64');
  }
  const protocol = headers['sec-websocket-protocol'];
  if (
    protocol !== undefined &&
    !/^[!#-'*+\-.^-z|~\w]+(?:[ \t]*,[ \t]*[!#-'*+\-.^-z|~\w]+)*$/.test(protocol)
  ) {
    throw invalid(`the header Sec-WebSocket-Protocol must be a list of names, got ${quote(protocol)}`);
  }
}

/** Values of one list in a query. */
const MAX_LIST = 500;

type Compile = (schema: JsonSchema) => () => ValidateFunction;

/** Filters that the contract declares as one value and that existing clients join several in, with commas. */
const COMMA_JOINED: ReadonlySet<string> = new Set(['list-events type']);

/** Query texts become what the contract declares: lists from repeats and commas, numbers and booleans from texts. */
function queryReader(operation: ContractOperation, compile: Compile) {
  const readers = operation.parameters
    .filter((parameter) => parameter.in === 'query')
    .map((parameter) => {
      const joined = COMMA_JOINED.has(`${operation.operationId} ${parameter.name}`);
      const schema = joined ? { type: 'array', items: parameter.schema } : parameter.schema;
      return { parameter: { ...parameter, schema }, validator: compile(schema), joined };
    });
  return (given: Record<string, string | string[]>): Record<string, unknown> => {
    const query: Record<string, unknown> = {};
    for (const { parameter, validator, joined } of readers) {
      const value = readParameter(parameter, given[parameter.name]);
      if (value === undefined) {
        if (parameter.required) throw invalid(`query parameter ${parameter.name} is required`);
        continue;
      }
      const validate = validator();
      if (!validate(value))
        throw invalid(describe(`query parameter ${parameter.name}`, validate.errors, value));
      query[parameter.name] = joined ? (value as string[]).join(',') : value;
    }
    return query;
  };
}

function readParameter({ name, schema }: Parameter, given: string | string[] | undefined): unknown {
  if (given === undefined || given === '') return undefined;
  if ([given].flat().some((text) => text.includes('\0') || !text.isWellFormed())) {
    throw invalid(`query parameter ${name} must be Unicode text without NUL characters`);
  }
  if (schema['type'] === 'array') {
    const list = [given].flat().flatMap((text) => text.split(','));
    const present = list.filter((text) => text !== '');
    if (present.length > MAX_LIST) {
      throw invalid(`query parameter ${name} has ${present.length} values, at most ${MAX_LIST} are accepted`);
    }
    return present.length > 0 ? present : undefined;
  }
  // Of a repeated scalar the last counts, as in most servers.
  const text = Array.isArray(given) ? given.at(-1)! : given;
  if (schema['type'] === 'number' || schema['type'] === 'integer') {
    if (!/^-?\d+(\.\d+)?$/.test(text))
      throw invalid(`query parameter ${name} must be a number, got ${quote(text)}`);
    return Number(text);
  }
  if (schema['type'] === 'boolean') {
    if (text !== 'true' && text !== 'false') {
      throw invalid(`query parameter ${name} must be true or false, got ${quote(text)}`);
    }
    return text === 'true';
  }
  return text;
}

/** Lists that a change of a resource may leave out, and for which null empties what was there. */
const NULL_EMPTIES: ReadonlySet<string> = new Set(['update-webhook eventFilter']);

function bodyChecker(
  validator: () => ValidateFunction,
  schemas: Contract['schemas'],
  schema: JsonSchema,
  { operationId, method }: ContractOperation,
) {
  const onlyDeclared = declaredOnly(schemas, schema);
  return (body: unknown): unknown => {
    // Existing clients send null for "not given".
    const present = hasNull(body) ? withoutNulls(withEmptyLists(schemas, schema, body, operationId)) : body;
    if (isNothing(present)) throw invalid('a JSON body is required, got none');
    const validate = validator();
    if (!validate(present)) throw invalid(describe('body', validate.errors, present));
    const declared = onlyDeclared(present);
    // A change leaves what it does not name as it is.
    return method === 'PATCH' ? declared : withDefaults(schemas, schema, declared);
  };
}

const hasNull = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.values(value).some(hasNull));

/** Where a list is required, at any depth, null means an empty one: some languages write it so. */
function withEmptyLists(
  schemas: Record<string, JsonSchema>,
  schema: JsonSchema,
  value: unknown,
  operationId: string,
): unknown {
  const shape = resolve(schemas, schema);
  if (value === null) return shape?.['type'] === 'array' ? [] : null;
  if (typeof value !== 'object' || Array.isArray(value)) return value;
  const { required = [], properties = {} } = (shape ?? {}) as {
    required?: string[];
    properties?: Record<string, JsonSchema>;
  };
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
      const nullEmpties = required.includes(name) || NULL_EMPTIES.has(`${operationId} ${name}`);
      if (!property || (inner === null && !nullEmpties)) return [name, inner];
      return [name, withEmptyLists(schemas, property, inner, operationId)];
    }),
  );
}

const isNothing = (body: unknown): boolean => body === undefined || body === null;

function resolve(schemas: Record<string, JsonSchema>, schema: JsonSchema): JsonSchema | undefined {
  return typeof schema['$ref'] === 'string' ? schemas[schema['$ref'].split('/').at(-1)!] : schema;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}

/** Values of fields with such names are never quoted back. */
const SENSITIVE = /value|content|token|secret|password/i;

/** One sentence: where, what was wrong, the value seen, what would be accepted. */
function describe(where: string, errors: ErrorObject[] | null | undefined, whole: unknown): string {
  const error = errors?.find((one) => one.keyword !== 'anyOf' && one.keyword !== 'oneOf') ?? errors?.[0];
  if (!error) return `${where} is not valid`;
  const path = error.instancePath.replaceAll('/', '.').slice(1);
  const name = path === '' ? where : `${where} field ${path}`;
  const seen = SENSITIVE.test(path) || whole === error.data ? '' : `, got ${quote(error.data)}`;
  switch (error.keyword) {
    case 'required':
      return `${where} field ${[path, error.params['missingProperty']].filter(Boolean).join('.')} is required`;
    case 'enum':
      return `${name} must be one of ${(error.params['allowedValues'] as string[]).join(', ')}${seen || `, got ${quote(error.data)}`}`;
    case 'type':
      return `${name} must be of type ${error.params['type']}${seen}`;
    default:
      return `${name} ${error.message ?? 'is not valid'}${seen}`;
  }
}
