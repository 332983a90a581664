/**
 * The contract's schemas as requests are judged by. The contract uses the same ones for answers, where a field that has
 * a default is always there and so is required; a request may leave it out, and its default holds.
 */
import type { JsonSchema } from './contract.ts';

type Schemas = Record<string, JsonSchema>;

/** A copy in which nothing that has a default is required. */
export function withoutRequiredDefaults<T>(schemas: Schemas, schema: T): T {
  if (Array.isArray(schema)) return schema.map((one) => withoutRequiredDefaults(schemas, one)) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: JsonSchema = {};
  for (const [name, inner] of Object.entries(schema)) copy[name] = withoutRequiredDefaults(schemas, inner);
  const defaulted = defaultsOf(schemas, schema as JsonSchema);
  if (defaulted.length > 0) {
    const names = defaulted.map(([name]) => name);
    copy['required'] = (copy['required'] as string[]).filter((name) => !names.includes(name));
  }
  return copy as T;
}

/** The value with the defaults of what it leaves out and answers must have, at any depth, where there is one shape. */
export function withDefaults(schemas: Schemas, schema: JsonSchema, value: unknown): unknown {
  const shape = resolve(schemas, schema);
  if (Array.isArray(value)) {
    const items = shape['items'] as JsonSchema | undefined;
    return items ? value.map((one) => withDefaults(schemas, items, one)) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const properties = propertiesOf(shape);
  const given = Object.entries(value).map(([name, inner]) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return [name, property ? withDefaults(schemas, property, inner) : inner];
  });
  return { ...Object.fromEntries(defaultsOf(schemas, shape)), ...Object.fromEntries(given) };
}

/** The required fields of a shape that have a default. */
function defaultsOf(schemas: Schemas, shape: JsonSchema): [name: string, value: unknown][] {
  const required = shape['required'];
  if (!Array.isArray(required)) return [];
  const properties = propertiesOf(shape);
  return (required as string[]).flatMap((name): [string, unknown][] => {
    const property = properties[name] && resolve(schemas, properties[name]);
    return property && 'default' in property ? [[name, property['default']]] : [];
  });
}

const propertiesOf = (shape: JsonSchema): Schemas => (shape['properties'] ?? {}) as Schemas;

function resolve(schemas: Schemas, schema: JsonSchema): JsonSchema {
  const { $ref } = schema;
  if (typeof $ref !== 'string') return schema;
  const target = schemas[$ref.split('/').at(-1)!];
  return target
    ? resolve(schemas, { ...target, ...('default' in schema ? { default: schema['default'] } : {}) })
    : {};
}
