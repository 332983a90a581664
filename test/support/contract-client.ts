/**
 * A client for tests that believes nothing: every answer is checked against the contract before the test sees it, so
 * each test of the API is a contract test as well. Checked are: the status is declared for the operation, the body
 * has its schema with no field beyond it, no null where the contract has none, instants have the project's format,
 * content type and headers are right, and errors have the error shape.
 *
 * Use it with `startApi` (test/support/api.ts):
 *
 *     const api = await startApi();
 *     const job = await api.admin.ok('post-job', { params: { serviceId }, body: { startCommand: 'true' } });
 *     const { status, message } = await api.admin.refused('cancel-job', { params: { serviceId, jobId: job.id } });
 *     const answer = await api.viewer.call('list-job', { params: { serviceId }, query: { status: ['failed'] } });
 *     const raw = await api.admin.request({ method: 'GET', path: '/v1/nowhere' });
 *
 * `ok` throws unless the status is a success and gives the typed body; `refused` throws unless it is an error;
 * `call` takes either; `request` takes any method and path and checks whatever operation they belong to.
 */
import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyInstance } from 'fastify';
import {
  type Contract,
  type ContractOperation,
  type JsonSchema,
  loadContract,
} from '../../src/api/contract.ts';
import type { OperationId, Operations } from '../../src/api/contract-types.ts';

export interface Answer<Body = unknown> {
  status: number;
  body: Body;
  headers: Record<string, string>;
}

export interface Refusal {
  status: number;
  message: string;
  code?: string;
  headers: Record<string, string>;
}

export interface CallInput<Id extends OperationId> {
  params?: Operations[Id]['params'];
  query?: Partial<Operations[Id]['query']>;
  body?: Operations[Id]['body'] | unknown;
  headers?: Record<string, string>;
}

export interface RawRequest {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

const contract = loadContract();

/** Which operation answered with which status, since the file of tests began: `operationId status`. */
export const seenAnswers = new Set<string>();

export class ContractClient {
  readonly #app: () => FastifyInstance;
  readonly #key: string | undefined;

  /**
   * @param app or a function that gives it, asked with each request: a restarted server has another
   * @param key a bearer key, or undefined to send none
   */
  constructor(app: FastifyInstance | (() => FastifyInstance), key?: string) {
    this.#app = typeof app === 'function' ? app : () => app;
    this.#key = key;
  }

  async call<Id extends OperationId>(id: Id, input: CallInput<Id> = {}): Promise<Answer> {
    const operation = contract.operations.get(id)!;
    return this.request({
      method: operation.method,
      path: `/v1${fillPath(operation.path, (input.params ?? {}) as Record<string, string>)}${queryText(input.query)}`,
      ...(input.body === undefined ? {} : { body: input.body }),
      ...(input.headers ? { headers: input.headers } : {}),
    });
  }

  async ok<Id extends OperationId>(id: Id, input: CallInput<Id> = {}): Promise<Operations[Id]['answer']> {
    const answer = await this.call(id, input);
    if (answer.status >= 300)
      throw new Error(`${id} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as Operations[Id]['answer'];
  }

  async refused<Id extends OperationId>(id: Id, input: CallInput<Id> = {}): Promise<Refusal> {
    const { status, body, headers } = await this.call(id, input);
    if (status < 400) throw new Error(`${id} answered ${status}, a refusal was expected`);
    return { ...(body as { message: string; code?: string }), status, headers };
  }

  async request({ method, path, body, headers = {} }: RawRequest): Promise<Answer> {
    const isText = typeof body === 'string';
    const response = await this.#app().inject({
      method: method as 'GET',
      url: path,
      headers: {
        ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: isText ? body : JSON.stringify(body) }),
    });
    const answer: Answer = {
      status: response.statusCode,
      body: response.body === '' ? undefined : parseJson(response.body, `${method} ${path}`),
      headers: response.headers as Record<string, string>,
    };
    checkAnswer(method, path, answer);
    return answer;
  }
}

/** @throws an Error that says which rule of the contract the answer breaks */
export function checkAnswer(method: string, path: string, answer: Answer): void {
  const where = `${method} ${path.slice(0, 200)} → ${answer.status}`;
  checkHeaders(where, answer);
  const operation = findOperation(method, path);
  if (operation) seenAnswers.add(`${operation.operationId} ${answer.status}`);
  if (answer.status >= 400) {
    checkError(where, operation, answer);
    return;
  }
  if (!operation) return;
  if (!operation.responses.has(answer.status)) throw new Error(`${where}: a status that is not declared`);
  const schema = operation.responses.get(answer.status);
  if (!schema) {
    if (answer.body !== undefined) throw new Error(`${where}: a body where the contract has none`);
    return;
  }
  refuseNulls(where, answer.body, '');
  const validate = validatorOf(operation, answer.status, schema);
  if (!validate(answer.body)) {
    throw new Error(`${where}: ${explain(validate)} in ${JSON.stringify(answer.body).slice(0, 1500)}`);
  }
  checkEventDetails(where, answer.body);
}

/** Holds one line of live output to the contract's `log`. @throws an Error that says what is wrong */
export function checkLine(line: unknown): void {
  const validate = strict.getSchema('contract#/components/schemas/log') as ValidateFunction;
  refuseNulls('a line', line, '');
  if (!validate(line))
    throw new Error(`a line: ${explain(validate)} in ${JSON.stringify(line).slice(0, 500)}`);
}

function checkError(where: string, operation: ContractOperation | undefined, { status, body }: Answer): void {
  if (operation && !operation.responses.has(status))
    throw new Error(`${where}: a status that is not declared`);
  // An answer to HEAD has no body.
  if (where.startsWith('HEAD ')) return;
  const error = body as Record<string, unknown> | undefined;
  if (typeof error?.['message'] !== 'string' || error['message'] === '') {
    throw new Error(`${where}: an error without a message: ${JSON.stringify(body)}`);
  }
  for (const [name, value] of Object.entries(error)) {
    if (!['message', 'code', 'id'].includes(name) || typeof value !== 'string') {
      throw new Error(`${where}: ${name} does not belong into an error`);
    }
  }
}

const FIXED_HEADERS: Record<string, RegExp> = {
  'x-request-id': /^\S+$/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^same-origin$/,
  'ratelimit-limit': /^\d+$/,
  'ratelimit-remaining': /^\d+$/,
  'ratelimit-reset': /^\d{1,4}$/,
};

function checkHeaders(where: string, { status, body, headers }: Answer): void {
  for (const [name, form] of Object.entries(FIXED_HEADERS)) {
    if (!form.test(String(headers[name] ?? ''))) {
      throw new Error(`${where}: the header ${name} is ${JSON.stringify(headers[name])}`);
    }
  }
  if (status === 429 && !/^\d+$/.test(headers['retry-after'] ?? ''))
    throw new Error(`${where}: no Retry-After`);
  const type = headers['content-type'];
  if (body !== undefined && type !== 'application/json; charset=utf-8') {
    throw new Error(`${where}: the content type is ${type}`);
  }
}

/** The one field of the contract that may be null. */
const NULLABLE = /\.triggeredByUser$/;

function refuseNulls(where: string, value: unknown, path: string): void {
  if (value === null && !NULLABLE.test(path)) throw new Error(`${where}: null at ${path}`);
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) refuseNulls(where, inner, `${path}.${name}`);
}

/** `details` is a union that nearly anything fits; the type of an event says which member is meant. */
function checkEventDetails(where: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const event = value as Record<string, unknown>;
  if (typeof event['type'] === 'string' && event['details'] && event['timestamp']) {
    const name = `${event['type'].replaceAll(/_(.)/g, (_all, letter: string) => letter.toUpperCase())}Event`;
    const validate = strict.getSchema(`contract#/components/schemas/${name}`);
    if (!validate) throw new Error(`${where}: ${name} is no schema of the contract`);
    if (!validate(event['details'])) throw new Error(`${where}: ${explain(validate as ValidateFunction)}`);
  }
  for (const inner of Object.values(value)) checkEventDetails(where, inner);
}

const strict = strictAjv(contract);
const validators = new Map<string, ValidateFunction>();

function strictAjv({ schemas }: Contract): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  // Microseconds, or nanoseconds for lines of logs; always UTC.
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,9}Z$/);
  const closed = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, close(schema)]));
  ajv.addSchema({ $id: 'contract', components: { schemas: closed } });
  return ajv;
}

function validatorOf(operation: ContractOperation, status: number, schema: JsonSchema): ValidateFunction {
  const key = `${operation.operationId} ${status}`;
  const known = validators.get(key) ?? strict.compile(close(schema) as AnySchema);
  validators.set(key, known);
  return known;
}

/** The schema with every object closed: a field that it does not declare makes an answer invalid. */
function close(schema: unknown, open = false): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((one) => close(one));
  const source = schema as JsonSchema;
  if (typeof source['$ref'] === 'string') {
    const name = source['$ref'].split('/').at(-1)!;
    return open ? close(contract.schemas[name], true) : { $ref: `contract#/components/schemas/${name}` };
  }
  const result: JsonSchema = {};
  for (const [keyword, value] of Object.entries(source)) {
    if (keyword === 'properties') {
      const entries = Object.entries(value as JsonSchema).map(([name, inner]) => [name, close(inner)]);
      result[keyword] = Object.fromEntries(entries);
    } else if (keyword === 'allOf') {
      result[keyword] = (value as unknown[]).map((one) => close(one, true));
    } else if (keyword === 'items' || keyword === 'anyOf' || keyword === 'oneOf') {
      result[keyword] = close(value);
    } else {
      result[keyword] = value;
    }
  }
  const isObject = source['type'] === 'object' || source['properties'] || source['allOf'];
  if (isObject && !open && !('additionalProperties' in source)) result['unevaluatedProperties'] = false;
  return result;
}

function explain(validate: ValidateFunction): string {
  const errors = validate.errors ?? [];
  return errors
    .slice(0, 4)
    .map((one) => `${one.instancePath || 'the body'} ${one.message} ${JSON.stringify(one.params)}`)
    .join('; ');
}

const patterns = [...contract.operations.values()]
  .map((operation) => ({
    operation,
    pattern: new RegExp(`^/v1${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
  }))
  // A path without placeholders comes before one whose placeholder it would fill.
  .sort((a, b) => Number(a.operation.path.includes('{')) - Number(b.operation.path.includes('{')));

/** The operation of the contract that a method and path belong to. */
export function findOperation(method: string, path: string): ContractOperation | undefined {
  const bare = path.split('?')[0]!;
  return patterns.find((one) => one.operation.method === method && one.pattern.test(bare))?.operation;
}

function fillPath(path: string, params: Record<string, string>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(params[name] ?? `no-${name}`),
  );
}

function queryText(query: object = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}=${encodeURIComponent(String(one))}`),
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${where}: the body is not JSON: ${text.slice(0, 300)}`);
  }
}
