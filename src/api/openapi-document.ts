/**
 * Errand's own OpenAPI 3.1 document: the contract with what Errand adds, described in the project's words. Operations,
 * fields and statuses that the contract has not carry `x-errand-extension: true`.
 */
import { leastRole, SECRET_READS } from './authorisation.ts';
import { loadContract } from './contract.ts';
import { descriptions, groupOf, statusDescriptions } from './descriptions.ts';

export interface OpenApiOperation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  parameters?: OpenApiParameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema: unknown }> };
  responses: Record<string, OpenApiResponse>;
  'x-errand-extension'?: boolean;
}
export interface OpenApiParameter {
  name: string;
  in: string;
  required?: boolean;
  schema: unknown;
}
export interface OpenApiResponse {
  description: string;
  content?: Record<string, { schema?: unknown }>;
  'x-errand-extension'?: boolean;
}
export interface OpenApiDocument {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string };
  servers: { url: string }[];
  security: Record<string, string[]>[];
  tags: { name: string }[];
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** The document, made anew. @throws when an operation has no description */
export function openApiDocument(): OpenApiDocument {
  const contract = loadContract().document as unknown as OpenApiDocument;
  const tags = new Set<string>();
  for (const [path, item] of Object.entries(contract.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      describe(operation, method, path);
      for (const tag of operation.tags) tags.add(tag);
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Errand',
      version: '1',
      description:
        'One-off jobs against the latest build of a service, on your own servers. Existing clients of the contract work unchanged; what Errand adds is marked.',
    },
    servers: [{ url: '/v1' }],
    security: [{ key: [] }],
    tags: [...tags].sort().map((name) => ({ name })),
    paths: contract.paths,
    components: {
      schemas: contract.components.schemas,
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function describe(operation: OpenApiOperation, method: string, path: string): void {
  const id = operation.operationId as keyof typeof descriptions;
  const summary = descriptions[id];
  if (!summary) throw new Error(`operation ${id} has no description: add one to src/api/descriptions.ts`);
  const role = leastRole(id, method.toUpperCase());
  operation.summary = summary;
  operation.description = [
    `Least role: ${role}.`,
    ...(SECRET_READS.has(id) ? ['Shows secret values; every call is in the audit log.'] : []),
    ...(method === 'post' ? ['May be sent again with the same Idempotency-Key header.'] : []),
  ].join(' ');
  operation.tags = [groupOf(path)];
  for (const [status, response] of Object.entries(operation.responses)) {
    response.description = statusDescriptions[status] ?? 'Done.';
  }
}
