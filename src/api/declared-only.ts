/** Drops from a value what its schema does not name: it would be stored, and answered to clients that do not know it. */
import type { JsonSchema } from './contract.ts';

/** The value without fields that the schema does not name; of a choice of shapes, the fields of all of them. */
export function declaredOnly(
  schemas: Record<string, JsonSchema>,
  schema: JsonSchema,
  value: unknown,
): unknown {
  const shapes = shapesOf(schemas, schema);
  if (Array.isArray(value)) {
    const items = shapes.map((shape) => shape['items'] as JsonSchema | undefined).find(Boolean);
    return items ? value.map((item) => declaredOnly(schemas, items, item)) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const fields = shapes.flatMap((shape) => Object.entries((shape['properties'] ?? {}) as JsonSchema));
  if (fields.length === 0) return value;
  // Shapes of a choice may have a field in common and declare different things of it: all of them count.
  const properties = Map.groupBy(fields as [string, JsonSchema][], ([name]) => name);
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      const declared = properties.get(name)?.map(([, property]) => property);
      return declared ? [[name, declaredOnly(schemas, { anyOf: declared }, inner)]] : [];
    }),
  );
}

function shapesOf(schemas: Record<string, JsonSchema>, schema: JsonSchema): JsonSchema[] {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const target = schemas[reference.split('/').at(-1)!];
    return target ? shapesOf(schemas, target) : [];
  }
  const choices = (schema['anyOf'] ?? schema['allOf']) as JsonSchema[] | undefined;
  return choices ? choices.flatMap((choice) => shapesOf(schemas, choice)) : [schema];
}
