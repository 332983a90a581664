/** Renders the OpenAPI document as one static page: no script, no font, no address but its own. */
import { createHash } from 'node:crypto';
import type { OpenApiDocument, OpenApiOperation } from './openapi-document.ts';

export interface ReferencePage {
  html: string;
  contentSecurityPolicy: string;
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#2563eb}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;display:grid;grid-template-columns:15rem 1fr}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;border-right:1px solid var(--line)}
nav a{display:block;color:inherit;text-decoration:none;padding:.15rem 0}nav a:hover{color:var(--accent)}
main{padding:1rem 2rem 4rem;max-width:60rem}h1{margin-top:0}h2{margin-top:2.5rem;text-transform:capitalize}
details{border:1px solid var(--line);border-radius:.4rem;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code,pre{font:13px/1.45 ui-monospace,monospace}pre{overflow:auto;background:var(--soft);padding:.6rem}
.method{display:inline-block;min-width:4.2rem;font-weight:700}.own{font-size:.8em;border:1px solid var(--accent);
color:var(--accent);border-radius:1rem;padding:0 .5rem;margin-left:.4rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
@media(max-width:50rem){body{display:block}nav{position:static;height:auto}}`;

/** @param document as `openApiDocument` makes it */
export function referencePage(document: OpenApiDocument): ReferencePage {
  const groups = operationsByGroup(document);
  const links = groups.map(([name]) => `<a href="#${anchor(name)}">${escapeHtml(name)}</a>`).join('');
  const sections = groups.map(([name, operations]) => section(name, operations, document)).join('');
  const { title, description } = document.info;
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)} API</title><style>${STYLE}</style></head>
<body><nav aria-label="Resources">${links}</nav><main><h1>${escapeHtml(title)} API</h1><p>${escapeHtml(description)}</p>
<p>Base path <code>/v1</code>. Every request carries <code>Authorization: Bearer KEY</code>. The machine-readable form of
this page is <a href="/v1/openapi.json">/v1/openapi.json</a>. What is marked <span class="own">Errand</span> is not part
of the contract that existing clients know.</p>${sections}</main></body></html>
`;
  const hash = createHash('sha256').update(STYLE).digest('base64');
  return {
    html,
    contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

interface Listed {
  method: string;
  path: string;
  operation: OpenApiOperation;
}

function operationsByGroup(document: OpenApiDocument): [string, Listed[]][] {
  const groups = new Map<string, Listed[]>();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const name = operation.tags?.[0] ?? '';
      groups.set(name, [...(groups.get(name) ?? []), { method, path, operation }]);
    }
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

function section(name: string, operations: Listed[], document: OpenApiDocument): string {
  const entries = operations.map((one) => entry(one, document)).join('');
  return `<section><h2 id="${anchor(name)}">${escapeHtml(name)}</h2>${entries}</section>`;
}

function entry({ method, path, operation }: Listed, document: OpenApiDocument): string {
  const own = operation['x-errand-extension'] ? '<span class="own">Errand</span>' : '';
  const body = operation.requestBody?.content['application/json']?.schema;
  return `<details id="${escapeHtml(operation.operationId)}"><summary><span class="method">${method.toUpperCase()}</span>
<code>${escapeHtml(path)}</code>${own}<br>${escapeHtml(operation.summary)}</summary><p>${escapeHtml(operation.description)}</p>
${parameters(operation)}${body ? `<h4>Body</h4>${shape(body, document)}` : ''}${answers(operation, document)}</details>`;
}

function parameters({ parameters: list = [] }: OpenApiOperation): string {
  if (list.length === 0) return '';
  const rows = list.map(
    (one) =>
      `<tr><td><code>${escapeHtml(one.name)}</code></td><td>${escapeHtml(one.in)}${one.required ? ', required' : ''}</td><td>${escapeHtml(typeName(one.schema))}</td></tr>`,
  );
  return `<h4>Parameters</h4><table>${rows.join('')}</table>`;
}

function answers({ responses }: OpenApiOperation, document: OpenApiDocument): string {
  const rows = Object.entries(responses).map(([status, response]) => {
    const schema = Number(status) < 300 ? response.content?.['application/json']?.schema : undefined;
    const shown = schema ? shape(schema, document) : '';
    return `<tr><td>${escapeHtml(status)}</td><td>${escapeHtml(response.description)}${shown}</td></tr>`;
  });
  return `<h4>Answers</h4><table>${rows.join('')}</table>`;
}

/** A schema as a sketch of the JSON; references are followed to this depth. */
const DEPTH = 4;

function shape(schema: unknown, document: OpenApiDocument): string {
  return `<pre>${escapeHtml(sketch(schema, document, DEPTH, ''))}</pre>`;
}

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  items?: unknown;
  properties?: Record<string, unknown>;
  required?: string[];
  anyOf?: unknown[];
  oneOf?: unknown[];
  allOf?: unknown[];
}

function sketch(given: unknown, document: OpenApiDocument, depth: number, indent: string): string {
  const schema = given as Schema;
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1)!;
    return depth === 0 ? name : sketch(document.components.schemas[name], document, depth - 1, indent);
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeName).join(' | ');
  if (schema.allOf) return schema.allOf.map((one) => sketch(one, document, depth, indent)).join(' & ');
  if (schema.items) return `[${sketch(schema.items, document, depth, indent)}]`;
  if (!schema.properties) return typeName(schema);
  if (depth === 0) return '{ … }';
  const required = new Set(schema.required);
  const inner = `${indent}  `;
  const lines = Object.entries(schema.properties).map(
    ([name, one]) =>
      `${inner}${name}${required.has(name) ? '' : '?'}: ${sketch(one, document, depth - 1, inner)}`,
  );
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function typeName(given: unknown): string {
  const schema = given as Schema;
  if (schema.$ref) return schema.$ref.split('/').at(-1)!;
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (schema.items) return `list of ${typeName(schema.items)}`;
  const type = [schema.type ?? 'any'].flat().join(' | ');
  return schema.format ? `${type} (${schema.format})` : type;
}

const anchor = (name: string): string => name.replaceAll(/[^a-z0-9]+/gi, '-');

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"]/g, (one) => ENTITIES[one]!);
