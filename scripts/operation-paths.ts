/** Makes `src/client/operations.ts`: method and path of every operation, the part of the contract a client needs. */

interface Document {
  paths: Record<string, Record<string, { operationId?: string } | undefined>>;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** The text of the generated module. @param contract the parsed OpenAPI document */
export function operationPaths(contract: Document): string {
  const rows = Object.entries(contract.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const id = item[method]?.operationId;
      if (!id) return [];
      const key = /^[a-z]\w*$/.test(id) ? id : `'${id}'`;
      return [`  ${key}: ['${method.toUpperCase()}', '${path}'],`];
    }),
  );
  return [
    '// Generated from openapi.json by `npm run generate`. Do not edit.',
    "import type { Operations } from '../api/contract-types.ts';",
    '',
    '/** Method and path, with `{name}` placeholders below /v1, of every operation. */',
    'export const operations: {',
    "  [Id in keyof Operations]: readonly [method: Operations[Id]['method'], path: Operations[Id]['path']];",
    '} = {',
    ...rows,
    '};',
    '',
  ].join('\n');
}
