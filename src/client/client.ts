/**
 * A typed client of the HTTP API over the platform's fetch. It knows nothing of the server's inside: what it can do,
 * every client can. Calls that only read are tried again when the connection fails or the server is busy; calls that
 * change something are sent once, because an answer that was lost may have had its effect.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationId, Operations } from '../api/contract-types.ts';
import { ApiError, ConnectionError } from './errors.ts';
import { serverRoot } from './host.ts';
import { operations } from './operations.ts';
import { apiError, BusyError, parse, retryAfterMs } from './refusals.ts';
import { ServerProof } from './server-proof.ts';

export type Answer<Id extends OperationId> = Operations[Id]['answer'];

/** Parts of a call that the operation has none of may be left out. */
type Part<Name extends string, T> = T extends undefined
  ? { [N in Name]?: undefined }
  : Record<never, never> extends T
    ? { [N in Name]?: T }
    : { [N in Name]: T };
export type CallInput<Id extends OperationId> = Id extends OperationId
  ? Part<'params', Operations[Id]['params']> &
      Part<'query', Operations[Id]['query']> &
      Part<'body', Operations[Id]['body']> &
      CallOptions
  : never;

export interface CallOptions {
  /** Gives up when it aborts. */
  signal?: AbortSignal;
  /** How long reads go on trying when the server does not answer; one second unless given. */
  retryForMs?: number;
  /** Longer than the server holds the request open; 30 seconds unless given. */
  timeoutMs?: number;
}

export interface Client {
  /** The server's address, without the base path. */
  readonly root: string;
  /**
   * Carries out one operation.
   * @throws ApiError when the server refuses, ConnectionError when it does not answer
   */
  call<Id extends OperationId>(
    id: Id,
    ...input: Record<never, never> extends CallInput<Id> ? [CallInput<Id>?] : [CallInput<Id>]
  ): Promise<Answer<Id>>;
  /**
   * Opens an answer that comes bit by bit, such as server-sent events. The time limit is for its beginning alone.
   * @throws ApiError when the server refuses, ConnectionError when it does not answer
   */
  open<Id extends OperationId>(id: Id, input: CallInput<Id> & OpenOptions): Promise<Response>;
}

export interface OpenOptions {
  /** Beside those that every request has. */
  headers?: Record<string, string>;
}

export interface ClientOptions {
  /** As people write it, see `serverRoot`. */
  host: string;
  apiKey: string;
  /**
   * Whether a server on this machine, spoken to in plain text, must prove that it knows the key before it is sent the
   * key. False unless given: other programs with this API, such as those of a test, cannot prove it.
   */
  requiresProof?: boolean;
}

export function createClient({ host, apiKey, requiresProof = false }: ClientOptions): Client {
  const root = serverRoot(host);
  const proof = requiresProof ? ServerProof.for(root, apiKey) : undefined;
  const request = (id: OperationId, input: SendInput): Request => {
    const [method, path] = operations[id];
    return { method, url: requestUrl(root, path, input), apiKey, proof };
  };
  const call = (id: OperationId, input: SendInput = {}): Promise<unknown> =>
    send(request(id, input), root, input, sendOnce);
  const open = (id: OperationId, input: SendInput): Promise<Response> =>
    send(request(id, input), root, input, openOnce);
  return { root, call: call as Client['call'], open: open as Client['open'] };
}

type SendInput = CallOptions & OpenOptions & { params?: object; query?: object; body?: unknown };

function requestUrl(root: string, path: string, input: SendInput): URL {
  const params = (input.params ?? {}) as Record<string, string>;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (!value) throw new Error(`the call needs the path parameter ${name}`);
    return encodeURIComponent(value);
  });
  const url = new URL(`${root}/v1${filled}`);
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value === undefined) continue;
    for (const one of [value].flat()) url.searchParams.append(name, String(one));
  }
  return url;
}

interface Request {
  method: string;
  url: URL;
  apiKey: string;
  proof: ServerProof | undefined;
}

const DEFAULT_RETRY_MS = 1000;
const DEFAULT_TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

async function send<T>(
  request: Request,
  root: string,
  input: SendInput,
  once: (request: Request, root: string, input: SendInput) => Promise<T>,
): Promise<T> {
  const giveUpAt = performance.now() + (input.retryForMs ?? DEFAULT_RETRY_MS);
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      await request.proof?.check();
      return await once(request, root, input);
    } catch (error) {
      // Whoever answers next may be another.
      if (error instanceof ConnectionError) request.proof?.forget();
      const wait = Math.max(pause, retryAfterMs(error));
      if (!mayRepeat(request, error) || performance.now() + wait > giveUpAt) throw error;
      await sleep(wait, undefined, { signal: input.signal });
    }
  }
}

async function sendOnce(request: Request, root: string, input: SendInput): Promise<unknown> {
  const timeout = AbortSignal.timeout(input.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    response = await ask(request, input, timeout);
    text = await response.text();
  } catch (error) {
    if (input.signal?.aborted) throw input.signal.reason;
    throw new ConnectionError(root, error);
  }
  const body = parse(text);
  if (!response.ok) throw apiError(response, body, text);
  if (text !== '' && body === undefined) {
    throw new ApiError(
      response.status,
      `${root} answered something other than JSON: is it an Errand server?`,
    );
  }
  return body;
}

async function openOnce(request: Request, root: string, input: SendInput): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new DOMException('it took too long', 'TimeoutError')),
    input.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  );
  try {
    const response = await ask(request, input, late.signal);
    if (response.ok) return response;
    const text = await response.text();
    throw apiError(response, parse(text), text);
  } catch (error) {
    if (input.signal?.aborted) throw input.signal.reason;
    if (error instanceof ApiError) throw error;
    throw new ConnectionError(root, error);
  } finally {
    clearTimeout(timer);
  }
}

function ask({ method, url, apiKey }: Request, input: SendInput, limit: AbortSignal): Promise<Response> {
  return fetch(url, {
    method,
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${apiKey}`,
      ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...input.headers,
    },
    ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
    signal: input.signal ? AbortSignal.any([input.signal, limit]) : limit,
    // A redirect would carry the key to another place.
    redirect: 'error',
  });
}

/** Only a GET may be sent again, and only when the failure may pass. */
function mayRepeat({ method }: Request, error: unknown): boolean {
  return method === 'GET' && (error instanceof ConnectionError || error instanceof BusyError);
}
