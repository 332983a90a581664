/**
 * The HTTP application: hooks that hold for every request, the error shape, and the routes. It is given everything it
 * uses; it opens nothing itself.
 */
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { Context } from '../context.ts';
import { ErrandError, quote } from '../errors.ts';
import type { Logger } from '../shared/logger.ts';
import { authenticate } from './auth.ts';
import { loadContract } from './contract.ts';
import { OperationRegistry, requireRole } from './operations.ts';
import { registerRoutes } from './routes/index.ts';

/** Larger than the largest legitimate body: secret files of 1 MB, JSON-escaped. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

export async function buildApp(context: Context): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    logger: false,
    forceCloseConnections: 'idle',
    requestIdHeader: false,
    genReqId: () => crypto.randomUUID(),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 300 },
  });
  addHeaders(app);
  acceptJsonOnly(app);
  addErrorShape(app, context.logger);
  app.decorateRequest('caller');
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.authenticated === false) return;
    request.caller = await authenticate(request, context);
    requireRole(request.caller, request.routeOptions.config.role ?? 'viewer');
  });
  registerRoutes(new OperationRegistry(app, loadContract()), context);
  await app.ready();
  return app;
}

function addHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
    });
  });
}

function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  // Clients that forget the header send JSON all the same: judge the text, not its label.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    if (text === '') return done(null, undefined);
    try {
      done(null, JSON.parse(String(text)));
    } catch {
      done(new ErrandError('invalidRequest', `the body is not valid JSON: ${quote(String(text))}`));
    }
  });
}

function addErrorShape(app: FastifyInstance, logger: Logger): void {
  app.setNotFoundHandler(async (request, reply) => {
    return reply.code(404).send({ message: `not found: ${request.method} ${request.url.split('?')[0]}` });
  });
  app.setErrorHandler(async (error: FastifyError | ErrandError, request, reply) => {
    if (error instanceof ErrandError) {
      if (error.status >= 500) logger.error('request failed', error, { requestId: request.id });
      return reply.code(error.status).send({ message: error.message, code: error.code });
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send({ message: error.message, code: 'invalidRequest' });
    logger.error('request failed', error, { requestId: request.id, url: request.url.split('?')[0] });
    const hidden = new ErrandError('internal');
    return reply.code(500).send({ message: hidden.message, code: hidden.code, id: request.id });
  });
}
