/** Errand's own OpenAPI document and the page that shows it. Both are public, like the manual of any product. */
import { openApiDocument } from '../openapi-document.ts';
import type { OperationRegistry } from '../operations.ts';
import { type ReferencePage, referencePage } from '../reference-page.ts';

export function openApiRoutes(operations: OperationRegistry): void {
  // Made when first asked for: most servers never are, and the texts would take memory all the same.
  let texts: { json: string; page: ReferencePage } | undefined;
  const made = () => {
    if (!texts) {
      const document = openApiDocument();
      texts = { json: JSON.stringify(document), page: referencePage(document) };
    }
    return texts;
  };
  operations.addPublic('/v1/openapi.json', (reply) =>
    reply.header('content-type', 'application/json; charset=utf-8').send(made().json),
  );
  operations.addPublic('/docs', (reply) => {
    const { html, contentSecurityPolicy } = made().page;
    return reply
      .headers({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': contentSecurityPolicy,
      })
      .send(html);
  });
}
