import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type JsonSchema, loadContract } from '../../src/api/contract.ts';
import type { OpenApiDocument, OpenApiOperation } from '../../src/api/openapi-document.ts';
import { startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let document: OpenApiDocument;
beforeAll(async () => {
  api = await startApi();
  const answer = await api.stranger.request({ method: 'GET', path: '/v1/openapi.json' });
  expect(answer.status).toBe(200);
  document = answer.body as OpenApiDocument;
});
afterAll(async () => api.close());

const contract = loadContract({ extended: false }).document as unknown as OpenApiDocument;
const contractOperations = Object.entries(contract.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([, operation]) => operation.operationId)
    .map(([method, operation]) => ({ name: `${method} ${path}`, path, method, operation })),
);
const operationsOf = (of: OpenApiDocument): OpenApiOperation[] =>
  Object.values(of.paths).flatMap((item) => Object.values(item).filter((one) => one.operationId));

describe('the document', () => {
  test.each(contractOperations)(
    'has $name with its parameters, body and statuses',
    ({ path, method, operation }) => {
      const own = document.paths[path]![method]!;
      expect(own.operationId).toBe(operation.operationId);
      for (const parameter of operation.parameters ?? []) {
        const same = own.parameters!.find((one) => one.name === parameter.name && one.in === parameter.in);
        expect(same?.schema).toEqual(parameter.schema);
        expect(same?.required ?? false).toBe(parameter.required ?? false);
      }
      expectContains(own.requestBody, operation.requestBody);
      for (const [status, response] of Object.entries(operation.responses)) {
        expectContains(own.responses[status]?.content, response.content);
      }
    },
  );

  test('has every schema of the contract with every field, and what is required stays so', () => {
    for (const [name, schema] of Object.entries(contract.components.schemas)) {
      expectContains(document.components.schemas[name], schema);
    }
  });

  test('marks what the contract has not, and nothing else', () => {
    const known = new Set(contractOperations.map(({ operation }) => operation.operationId));
    for (const operation of operationsOf(document)) {
      expect(operation['x-errand-extension'] ?? false, operation.operationId).toBe(
        !known.has(operation.operationId),
      );
    }
    const job = document.components.schemas['job'] as { properties: Record<string, JsonSchema> };
    expect(job.properties['exitCode']!['x-errand-extension']).toBe(true);
    expect(job.properties['startCommand']!['x-errand-extension']).toBeUndefined();
  });

  test('says something about every operation and every answer', () => {
    for (const { operationId, summary, responses } of operationsOf(document)) {
      expect(summary, operationId).toMatch(/^[A-Z].{10,}\.$/);
      for (const [status, { description }] of Object.entries(responses)) {
        expect(description, `${operationId} ${status}`).not.toBe('');
      }
    }
  });

  test('refers only to schemas that are there', () => {
    const ajv = new Ajv2020({ strict: false });
    ajv.addFormat('date-time', true);
    ajv.addSchema({ ...document, $id: 'document' });
    for (const name of Object.keys(document.components.schemas)) {
      expect(ajv.getSchema(`document#/components/schemas/${name}`)).toBeDefined();
    }
  });
});

/** Everything of `part` is in `whole`; a description may differ, a list may be longer. */
function expectContains(whole: unknown, part: unknown): void {
  if (typeof part !== 'object' || part === null) {
    expect(whole).toEqual(part);
    return;
  }
  if (Array.isArray(part)) {
    expect(whole).toEqual(expect.arrayContaining(part));
    return;
  }
  for (const [name, inner] of Object.entries(part)) {
    if (name === 'description') continue;
    if (name === 'required') expect((whole as JsonSchema)[name]).toEqual(inner);
    else expectContains((whole as JsonSchema)[name], inner);
  }
}

describe('/docs', () => {
  const load = () => api.server.running.app.inject({ method: 'GET', url: '/docs' });

  test('shows every operation, without a key', async () => {
    const { statusCode, headers, body } = await load();
    expect(statusCode).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    for (const { operationId } of operationsOf(document)) expect(body).toContain(`id="${operationId}"`);
  });

  test('loads nothing from elsewhere, and may not', async () => {
    const { headers, body } = await load();
    expect(body).not.toMatch(/<script|<link|<img|<iframe|src=|@import|url\(/i);
    expect(
      [...body.matchAll(/href="([^"]*)"/g)].map(([, to]) => to!).filter((to) => !/^(#|\/v1\/)/.test(to)),
    ).toEqual([]);
    const policy = headers['content-security-policy'] as string;
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
  });
});
