/** Turns the contract (OpenAPI 3.1, JSON) into TypeScript: one interface per schema, one entry per operation. */

type Json = { [key: string]: unknown };
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const pascal = (name: string): string =>
  name.replace(/(^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_all, _gap, letter: string) => letter.toUpperCase());
const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

function typeOf(schema: unknown): string {
  if (!isObject(schema)) return 'unknown';
  if (typeof schema.$ref === 'string') return pascal(schema.$ref.split('/').at(-1)!);
  if ('const' in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  for (const [word, glue] of [
    ['anyOf', ' | '],
    ['oneOf', ' | '],
    ['allOf', ' & '],
  ] as const) {
    const parts = schema[word];
    if (Array.isArray(parts)) return `(${parts.map(typeOf).join(glue)})`;
  }
  if (Array.isArray(schema.type))
    return schema.type.map((one) => typeOf({ ...schema, type: one })).join(' | ');
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'number':
    case 'integer':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      return `(${typeOf(schema.items)})[]`;
  }
  if (isObject(schema.properties)) return objectType(schema);
  return schema.type === 'object' ? 'Record<string, unknown>' : 'unknown';
}

function objectType(schema: Json): string {
  const required = new Set((schema.required as string[] | undefined) ?? []);
  const fields = Object.entries(schema.properties as Json).map(
    ([name, value]) => `${key(name)}${required.has(name) ? '' : '?'}: ${typeOf(value)}`,
  );
  return `{ ${fields.join('; ')} }`;
}

function parametersType(parameters: Json[], where: string): string {
  const fields = parameters
    .filter((one) => one.in === where)
    .map((one) => `${key(String(one.name))}${one.required ? '' : '?'}: ${typeOf(one.schema)}`);
  return fields.length === 0 ? 'Record<never, never>' : `{ ${fields.join('; ')} }`;
}

const jsonSchema = (holder: unknown): unknown =>
  isObject(holder) && isObject(holder.content) && isObject(holder.content['application/json'])
    ? holder.content['application/json'].schema
    : undefined;

function operationType(path: string, method: string, item: Json): string {
  const operation = item[method] as Json;
  const parameters = [
    ...((item.parameters as Json[] | undefined) ?? []),
    ...((operation.parameters as Json[] | undefined) ?? []),
  ];
  const success = Object.entries(operation.responses as Json).filter(([status]) => status.startsWith('2'));
  const answers = success.map(([, response]) => {
    const schema = jsonSchema(response);
    return schema === undefined ? 'undefined' : typeOf(schema);
  });
  return [
    `  ${JSON.stringify(operation.operationId)}: {`,
    `    method: ${JSON.stringify(method.toUpperCase())};`,
    `    path: ${JSON.stringify(path)};`,
    `    params: ${parametersType(parameters, 'path')};`,
    `    query: ${parametersType(parameters, 'query')};`,
    `    body: ${operation.requestBody ? typeOf(jsonSchema(operation.requestBody)) : 'undefined'};`,
    `    answer: ${[...new Set(answers)].join(' | ') || 'undefined'};`,
    '  };',
  ].join('\n');
}

/** The text of the generated module. @param contract the parsed OpenAPI document */
export function contractTypes(contract: Json): string {
  const schemas = (contract.components as Json).schemas as Json;
  const lines = ['// Generated from openapi.json by `npm run generate`. Do not edit.', ''];
  for (const [name, schema] of Object.entries(schemas)) {
    lines.push(`export type ${pascal(name)} = ${typeOf(schema)};`);
  }
  lines.push(
    '',
    '/** Every operation of the contract by its operationId. */',
    'export interface Operations {',
  );
  for (const [path, item] of Object.entries(contract.paths as Json)) {
    for (const method of METHODS) {
      if ((item as Json)[method]) lines.push(operationType(path, method, item as Json));
    }
  }
  lines.push('}', '', 'export type OperationId = keyof Operations;', '');
  return lines.join('\n');
}
