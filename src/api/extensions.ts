/**
 * What Errand adds to the contract: optional fields, statuses of errors, and operations of its own. Clients of the
 * contract stay valid. Everything added carries `x-errand-extension`.
 */
import { extensionPathItems, extensionSchemas } from './extension-operations.ts';

type Json = Record<string, unknown>;
interface SchemaObject {
  properties?: Record<string, unknown>;
}
interface Operation {
  operationId: string;
  parameters?: Json[];
  responses: Record<string, unknown>;
  requestBody?: { content: Record<string, { schema: SchemaObject }> };
}
interface Document {
  components: { schemas: Record<string, SchemaObject> };
  paths: Record<string, Record<string, Operation>>;
}

/** Adds the extensions to a parsed contract document, in place, and returns it. */
export function extendContract<T extends object>(contract: T): T {
  const document = contract as unknown as Document;
  const { schemas } = document.components;
  Object.assign(schemas, extensionSchemas);
  add(schemas['job'], {
    exitCode: { type: 'integer' },
    signal: { type: 'string' },
    reason: { $ref: '#/components/schemas/failureReason' },
    timeoutSeconds: { type: 'integer' },
  });
  // Why it is where it is and not further on, and which one it is in the queue, 1 being the next.
  for (const name of ['job', 'deploy']) {
    add(schemas[name], { statusReason: { type: 'string' }, queuePlace: { type: 'integer' } });
  }
  add(schemas['cronJobRun'], { statusReason: { type: 'string' } });
  for (const name of ['service', 'servicePOST', 'servicePATCH']) {
    add(schemas[name], { maskSecrets: { type: 'boolean' } });
  }
  add(schemas['failureReason'], {
    canceled: { type: 'string' },
    lost: { type: 'string' },
    hostStopped: { type: 'string' },
    diskFull: { type: 'string' },
    startFailed: { type: 'string' },
  });
  // Beside the labels: generated clients take the names of those for a closed set.
  add(schemas['log'], {
    stream: { type: 'string', enum: ['stdout', 'stderr'] },
    service: { type: 'string' },
  });
  add(schemas['ownerLogStreamSetting'], {
    status: {
      type: 'object',
      properties: {
        lagSeconds: { type: 'integer' },
        lastSuccessAt: { type: 'string', format: 'date-time' },
        lastError: { type: 'string' },
        lastErrorAt: { type: 'string', format: 'date-time' },
      },
      required: ['lagSeconds'],
    },
  });
  const post =
    document.paths['/services/{serviceId}/jobs']?.['post']?.requestBody?.content['application/json'];
  add(post?.schema, { timeoutSeconds: { type: 'integer' } });
  document.paths['/logs/subscribe']?.['get']?.parameters?.push({
    name: 'after',
    in: 'query',
    schema: { type: 'string' },
    'x-errand-extension': true,
  });
  // The contract pages through events and gives no cursor to do it with.
  add(schemas['serviceEventWithCursor'], { cursor: { type: 'string' } });
  Object.assign(document.paths, extensionPathItems());
  for (const item of Object.values(document.paths)) {
    for (const operation of Object.values(item)) addErrorStatuses(operation);
  }
  return contract;
}

function add(schema: SchemaObject | undefined, properties: Record<string, Json>): void {
  if (!schema) throw new Error('an extended schema is not in the contract');
  const marked = Object.entries(properties).map(([name, one]) => [
    name,
    { ...one, 'x-errand-extension': true },
  ]);
  schema.properties = { ...schema.properties, ...Object.fromEntries(marked) };
}

/** Statuses that any operation may answer with, in the contract's error shape, whether or not it lists them. */
const ALWAYS = [400, 401, 403, 404, 409, 413, 415, 417, 429, 500, 503];
/** Statuses of single operations. */
const SINGLE: Record<string, number> = { 'create-ephemeral-shell': 501 };

function addErrorStatuses(operation: Operation): void {
  if (!operation.responses) return;
  const single = SINGLE[operation.operationId];
  for (const status of single ? [...ALWAYS, single] : ALWAYS) {
    operation.responses[status] ??= {
      description: '',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/error' } } },
      'x-errand-extension': true,
    };
  }
}
