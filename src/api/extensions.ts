/** What Errand adds to the contract: optional fields only, so that clients of the contract stay valid. */

interface SchemaObject {
  properties?: Record<string, unknown>;
}
interface Document {
  components: { schemas: Record<string, SchemaObject> };
  paths: Record<
    string,
    Record<string, { requestBody?: { content: Record<string, { schema: SchemaObject }> } }>
  >;
}

/** Adds the extensions to a parsed contract document, in place. */
export function extendContract(document: Document): void {
  const { schemas } = document.components;
  add(schemas['job'], {
    exitCode: { type: 'integer' },
    signal: { type: 'string' },
    reason: { $ref: '#/components/schemas/failureReason' },
    timeoutSeconds: { type: 'integer' },
  });
  add(schemas['failureReason'], {
    canceled: { type: 'string' },
    lost: { type: 'string' },
    startFailed: { type: 'string' },
  });
  const post =
    document.paths['/services/{serviceId}/jobs']?.['post']?.requestBody?.content['application/json'];
  add(post?.schema, { timeoutSeconds: { type: 'integer' } });
}

function add(schema: SchemaObject | undefined, properties: Record<string, unknown>): void {
  if (!schema) throw new Error('an extended schema is not in the contract');
  schema.properties = { ...schema.properties, ...properties };
}
