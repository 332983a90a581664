/** The HTTP contract as data: `openapi.json` at the project's root, with the optional fields that Errand adds. */
import { readFileSync } from 'node:fs';
import { extendContract } from './extensions.ts';

export type JsonSchema = { [key: string]: unknown };

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: JsonSchema;
}

export interface ContractOperation {
  operationId: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `{name}` placeholders, below /v1. */
  path: string;
  parameters: Parameter[];
  body?: JsonSchema;
  /** Whether a request without a body is refused. */
  needsBody: boolean;
  /** The success statuses, smallest first. */
  success: number[];
  /** Every declared status with the schema of its JSON body, where it has one. */
  responses: Map<number, JsonSchema | undefined>;
}

export interface Contract {
  schemas: Record<string, JsonSchema>;
  operations: Map<string, ContractOperation>;
  document: JsonSchema;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Reads the contract. With `extended: false`, without what Errand adds. */
export function loadContract(options: { extended?: boolean } = {}): Contract {
  const document = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'));
  if (options.extended !== false) extendContract(document);
  const operations = new Map<string, ContractOperation>();
  for (const [path, item] of Object.entries<JsonSchema>(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method] as JsonSchema | undefined;
      if (!operation) continue;
      const parsed = parseOperation(path, method, operation, item['parameters'] as Parameter[] | undefined);
      operations.set(parsed.operationId, parsed);
    }
  }
  return { schemas: document.components.schemas, operations, document };
}

function parseOperation(
  path: string,
  method: (typeof METHODS)[number],
  operation: JsonSchema,
  shared: Parameter[] = [],
): ContractOperation {
  const responses = new Map<number, JsonSchema | undefined>();
  for (const [status, response] of Object.entries(operation['responses'] as Record<string, JsonSchema>)) {
    responses.set(Number(status), jsonSchemaOf(response));
  }
  const body = operation['requestBody'] as JsonSchema | undefined;
  return {
    operationId: String(operation['operationId']),
    method: method.toUpperCase() as ContractOperation['method'],
    path,
    parameters: [...shared, ...((operation['parameters'] as Parameter[] | undefined) ?? [])],
    ...(body ? { body: jsonSchemaOf(body) ?? {} } : {}),
    needsBody: body !== undefined && body['required'] !== false,
    success: [...responses.keys()].filter((status) => status < 300).sort((a, b) => a - b),
    responses,
  };
}

function jsonSchemaOf(holder: JsonSchema): JsonSchema | undefined {
  const content = holder['content'] as Record<string, { schema?: JsonSchema }> | undefined;
  return content?.['application/json']?.schema;
}
