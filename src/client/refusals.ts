/** How the answers of a server that refuses are read. */
import { ApiError } from './errors.ts';

/** JSON, or undefined where it is none. */
export function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One that passes by itself: the call may be made again later. */
export class BusyError extends ApiError {
  readonly retryAfterMs: number;
  constructor(error: ApiError, retryAfterMs: number) {
    super(error.status, error.message, error);
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a server's refusal says. @param body of the answer, parsed, and `text` as it came */
export function apiError(response: Response, body: unknown, text: string): ApiError {
  const shape = (typeof body === 'object' && body !== null ? body : {}) as {
    message?: unknown;
    code?: unknown;
  };
  const message = typeof shape.message === 'string' ? shape.message : text.trim().slice(0, 200);
  const error = new ApiError(response.status, message || response.statusText || `status ${response.status}`, {
    ...(typeof shape.code === 'string' ? { code: shape.code } : {}),
    ...(response.headers.has('x-request-id') ? { requestId: response.headers.get('x-request-id')! } : {}),
  });
  const busy = [429, 502, 503, 504].includes(response.status);
  return busy ? new BusyError(error, Number(response.headers.get('retry-after') ?? 0) * 1000 || 0) : error;
}

export function retryAfterMs(error: unknown): number {
  return error instanceof BusyError ? error.retryAfterMs : 0;
}
