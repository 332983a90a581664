/**
 * The one catalogue of errors that a client may see. Domain code throws these and nothing else on purpose; the API
 * turns any other error into a 500 without its text.
 */

/** code → HTTP status and the message made from the details. */
const CATALOGUE = {
  invalidRequest: { status: 400, message: (detail: string) => detail },
  unauthorized: {
    status: 401,
    message: () => 'unauthorized: send a valid API key as "Authorization: Bearer KEY"',
  },
  forbidden: { status: 403, message: (detail: string) => `forbidden: ${detail}` },
  notFound: { status: 404, message: (id: string) => `not found: ${id}` },
  methodNotAllowed: { status: 405, message: (detail: string) => `method not allowed: ${detail}` },
  conflict: { status: 409, message: (detail: string) => detail },
  payloadTooLarge: { status: 413, message: (detail: string) => detail },
  unsupportedMediaType: { status: 415, message: (detail: string) => detail },
  expectationFailed: { status: 417, message: (detail: string) => detail },
  rateLimited: { status: 429, message: (detail: string) => `rate limit exceeded: ${detail}` },
  internal: {
    status: 500,
    message: () => 'internal error: the server log has the details under the request id',
  },
  notImplemented: { status: 501, message: (detail: string) => detail },
  unavailable: { status: 503, message: (detail: string) => detail },
} as const;

export type ErrorCode = keyof typeof CATALOGUE;

/** All codes with their statuses, for the documentation and its test. */
export const errorStatuses: Readonly<Record<ErrorCode, number>> = Object.fromEntries(
  Object.entries(CATALOGUE).map(([code, entry]) => [code, entry.status]),
) as Record<ErrorCode, number>;

/** An error whose message is meant for the client. */
export class ErrandError extends Error {
  readonly code: ErrorCode;
  readonly status: number;

  /**
   * @param code an entry of the catalogue
   * @param detail what was wrong, the value seen, what would be accepted (or the id, for `notFound`)
   */
  constructor(code: ErrorCode, detail = '', options?: ErrorOptions) {
    super(CATALOGUE[code].message(detail), options);
    this.name = 'ErrandError';
    this.code = code;
    this.status = CATALOGUE[code].status;
  }
}

/** Shorthand for the two most frequent refusals. */
export const invalid = (detail: string): ErrandError => new ErrandError('invalidRequest', detail);
export const notFound = (id: string): ErrandError => new ErrandError('notFound', id);

/** Quotes a value for a message, shortened so that a hostile input cannot flood an answer. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
