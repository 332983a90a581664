/**
 * The HTTP application: hooks that hold for every request, the error shape, and the routes. It is given everything it
 * uses; it opens nothing itself.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import webSockets from '@fastify/websocket';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Context } from '../context.ts';
import { ErrandError, quote } from '../errors.ts';
import { addressOf, authenticate } from './auth.ts';
import { requireRole } from './authorisation.ts';
import { BODY_LIMIT_BYTES, readJsonBodies } from './body.ts';
import { Conduct } from './conduct.ts';
import { Connections } from './connections.ts';
import { loadContract } from './contract.ts';
import { addErrorShape, describeError, refuseUnknown, rememberRoutes } from './error-shape.ts';
import { KeyWatch } from './key-watch.ts';
import { type Caller, OperationRegistry } from './operations.ts';
import { RateLimiter, rateClass } from './rate-limit.ts';
import { registerRoutes } from './routes/index.ts';

/** Half-made requests and connections that say nothing are closed after this, or a second later. */
const HEADERS_TIMEOUT_MS = 5000;
/** A whole request, its body included: 8 MB at 1.1 Mbit/s. */
const REQUEST_TIMEOUT_MS = 60_000;
/** What a client whose connection is given up may take to read why. */
const HANG_UP_MS = 1000;
/** Where a connection may become a WebSocket. */
const SOCKET_URL = /^\/v1\/logs\/subscribe\/?(?:\?|$)/;

export async function buildApp(context: Context): Promise<FastifyInstance> {
  const limiter = new RateLimiter(context.config.rateLimits, context.clock);
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // While the server stops, requests are refused in the error shape, as all are.
    return503OnClosing: false,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
      // Any other wish to upgrade, such as one for HTTP/2, is passed over, as HTTP has it.
      shouldUpgradeCallback: ({ method, url, headers }) =>
        method === 'GET' && SOCKET_URL.test(url ?? '') && headers.upgrade?.toLowerCase() === 'websocket',
    },
    logger: false,
    forceCloseConnections: 'idle',
    requestIdHeader: false,
    genReqId: () => crypto.randomUUID(),
    exposeHeadRoutes: false,
    // Parameters may be as long as the headers allow: what is too long for an id is no id that exists.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 20_000 },
    // Requests that no route sees: a path that cannot be decoded, and the like.
    frameworkErrors: (error, request, reply) => {
      refuseUnrouted(error, request as FastifyRequest, reply as FastifyReply, context, limiter);
    },
    clientErrorHandler: refuseConnection,
  });
  const connections = new Connections(app.server, context.logger, context.config.maxConnections);
  const conduct = new Conduct(context);
  rememberRoutes(app);
  readJsonBodies(app);
  addErrorShape(app, context.logger, (request, error) => conduct.noteRefusal(request, error));
  app.decorateRequest('caller');
  await app.register(webSockets, {
    // Clients only listen; and each connection ends by itself when the server stops.
    options: { maxPayload: 4096 },
    preClose: (done) => done(),
  });
  const isExpected = refuseExpectations(app);
  const operations = new OperationRegistry(app, loadContract(), conduct, new KeyWatch(context));
  app.addHook('onRequest', (request, reply, done) => {
    setHeaders(request, reply);
    const begin = (): void => {
      if (request.caller) connections.begins(request.raw.socket);
      if (operations.stopping.aborted) {
        throw new ErrandError('unavailable', 'the server is stopping; ask again in a moment');
      }
      if (request.is404) refuseUnknown(app, request, reply);
      isExpected(request);
    };
    const admission = admit(request, reply, context, limiter);
    if (admission) return admission.then(begin);
    begin();
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (operations.stopping.aborted) reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('preClose', (done) => {
    connections.endIdle();
    done();
  });
  app.addHook('onResponse', (request, _reply, done) => {
    connections.ends(request.raw, Boolean(request.caller));
    done();
  });
  whileBodiesCome(app, context, connections);
  registerRoutes(operations, context);
  await app.ready();
  return app;
}

/** Lets requests that expect something of the server through to the hooks, as all are. @returns what refuses them there */
function refuseExpectations(app: FastifyInstance): (request: FastifyRequest) => void {
  const refused = new WeakSet<IncomingMessage>();
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    refused.add(request);
    app.routing(request, response);
  });
  return ({ raw }) => {
    if (!refused.has(raw)) return;
    throw new ErrandError(
      'expectationFailed',
      `the header Expect may be 100-continue, got ${quote(raw.headers.expect)}`,
    );
  };
}

/** A body may take its time: it must not stand still, and the key must still be good when all of it is there. */
function whileBodiesCome(app: FastifyInstance, context: Context, connections: Connections): void {
  const hasBody = ({ headers }: FastifyRequest): boolean =>
    headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  app.addHook('preParsing', (request, _reply, payload, done) => {
    if (hasBody(request)) connections.bodyBegins(request.raw.socket);
    done(null, payload);
  });
  app.addHook('preValidation', async (request) => {
    if (!hasBody(request)) return;
    connections.bodyEnds(request.raw.socket);
    if (!request.caller) return;
    request.caller = await authenticate(request, context);
    requireRole(request.caller, request.routeOptions.config?.role ?? 'viewer');
  });
}

function refuseUnrouted(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  { logger }: Context,
  limiter: RateLimiter,
): void {
  setHeaders(request, reply);
  let refusal: unknown = error;
  try {
    limiter.count(reply, rateClass(request.method), { address: addressOf(request) });
  } catch (tooMany) {
    refusal = tooMany;
  }
  const [status, body] = describeError(refusal, request, logger);
  reply.code(status).send(body);
}

function setHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({
    'x-request-id': request.id,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
  });
}

/** Who calls, how often, and whether they may. Takes no turn of the event loop for a key that is known. */
function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  context: Context,
  limiter: RateLimiter,
): Promise<void> | undefined {
  const { authenticated = true, role = 'viewer', operationId } = request.routeOptions.config ?? {};
  const kind = rateClass(request.method, operationId);
  const admitCaller = (caller: Caller): undefined => {
    request.caller = caller;
    limiter.count(reply, kind, { keyId: caller.keyId });
    requireRole(caller, role);
  };
  const countStranger = (): void => limiter.count(reply, kind, { address: addressOf(request) });
  const refuse = (error: unknown): never => {
    countStranger();
    throw error;
  };
  if (!authenticated) {
    countStranger();
    return undefined;
  }
  let caller: Caller | Promise<Caller>;
  try {
    caller = authenticate(request, context);
  } catch (error) {
    return refuse(error);
  }
  return caller instanceof Promise ? caller.then(admitCaller, refuse) : admitCaller(caller);
}

/** With the status lines: the names in `node:http`, imported, would bring in all of `fetch`, 15 MB. */
const CONNECTION_ERRORS: Record<string, [status: string, message: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the request headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not arrive in time'],
};
const NOT_HTTP = ['400 Bad Request', 'the request is not valid HTTP'] as const;

/** Answers what is not HTTP, or too much of it, and hangs up. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  // Whoever neither reads nor hangs up is not waited for.
  setTimeout(() => socket.destroy(), HANG_UP_MS).unref();
  const [status, message] = CONNECTION_ERRORS[error.code ?? ''] ?? NOT_HTTP;
  const body = JSON.stringify({ message, code: 'invalidRequest' });
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'X-Content-Type-Options: nosniff',
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
