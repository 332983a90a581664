/** Drops from a value what its schema does not name: it would be stored, and answered to clients that do not know it. */
import type { JsonSchema } from './contract.ts';

/** Makes what gives a value without fields that the schema does not name; of a choice of shapes, the fields of all count. */
export function declaredOnly(
  schemas: Record<string, JsonSchema>,
  schema: JsonSchema,
): (value: unknown) => unknown {
  const shapes = shapesOf(schemas, schema);
  const items = shapes.map((shape) => shape['items'] as JsonSchema | undefined).find(Boolean);
  const fields = shapes.flatMap((shape) => Object.entries((shape['properties'] ?? {}) as JsonSchema));
  // Shapes of a choice may have a field in common and declare different things of it: all of them count.
  const properties = Map.groupBy(fields as [string, JsonSchema][], ([name]) => name);
  // Made when a value needs them: shapes may contain themselves.
  const made = new Map<string | undefined, (value: unknown) => unknown>();
  const inner = (name: string | undefined, of: () => JsonSchema, value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    let reader = made.get(name);
    if (!reader) {
      reader = declaredOnly(schemas, of());
      made.set(name, reader);
    }
    return reader(value);
  };
  return (value) => {
    if (Array.isArray(value)) return items ? value.map((item) => inner(undefined, () => items, item)) : value;
    if (typeof value !== 'object' || value === null || properties.size === 0) return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, one]) => {
        const declared = properties.get(name);
        if (!declared) return [];
        const anyOf = (): JsonSchema => ({ anyOf: declared.map(([, property]) => property) });
        return [[name, inner(name, anyOf, one)]];
      }),
    );
  };
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
