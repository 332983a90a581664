/** Every refusal and failure in the contract's error shape, whichever layer of the server it comes from. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ErrandError, type ErrorCode, errorStatuses } from '../errors.ts';
import type { Logger } from '../shared/logger.ts';

interface ErrorBody {
  message: string;
  code?: string;
  id?: string;
}

/** Status and body of any error; text that was not meant for clients goes to the log only. */
export function describeError(error: unknown, request: FastifyRequest, logger: Logger): [number, ErrorBody] {
  if (error instanceof ErrandError) {
    if (error.status >= 500) logger.error('request failed', error, { requestId: request.id });
    return [error.status, { message: error.message, code: error.code }];
  }
  const { statusCode: status = 500, message } = error as FastifyError;
  if (status >= 400 && status < 500) return [status, { message, code: codeOf(status) }];
  logger.error('request failed', error, { requestId: request.id, url: request.url.split('?')[0] });
  const hidden = new ErrandError('internal');
  return [500, { message: hidden.message, code: hidden.code, id: request.id }];
}

function codeOf(status: number): ErrorCode {
  const found = Object.entries(errorStatuses).find(([, one]) => one === status);
  return (found?.[0] as ErrorCode | undefined) ?? 'invalidRequest';
}

/** @param onRefusal is told of each error before it is answered */
export function addErrorShape(
  app: FastifyInstance,
  logger: Logger,
  onRefusal: (request: FastifyRequest, error: unknown) => void,
): void {
  app.setErrorHandler(async (error, request, reply) => {
    const [status, body] = describeError(error, request, logger);
    onRefusal(request, error);
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler(async (request, reply) => answerUnknown(app, request, reply));
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** 405 where the path is known with other methods, else 404. */
function answerUnknown(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?')[0]!;
  const allowed = METHODS.filter((method) => knows(app, method, path));
  if (allowed.length === 0) {
    return reply
      .code(404)
      .send({ message: `not found: ${request.method} ${shorten(path)}`, code: 'notFound' });
  }
  const error = new ErrandError(
    'methodNotAllowed',
    `${request.method} ${shorten(path)}; this path takes ${allowed.join(', ')}`,
  );
  return reply
    .header('allow', allowed.join(', '))
    .code(405)
    .send({ message: error.message, code: error.code });
}

const knows = (app: FastifyInstance, method: string, path: string): boolean =>
  routePatterns(app).some((route) => route.method === method && route.pattern.test(path));

const patternsOf = new WeakMap<FastifyInstance, { method: string; pattern: RegExp }[]>();

/** Remembers the application's routes, so that a wrong method can be told from a wrong path. Call before any route. */
export function rememberRoutes(app: FastifyInstance): void {
  const patterns: { method: string; pattern: RegExp }[] = [];
  patternsOf.set(app, patterns);
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = new RegExp(`^${url.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}/?$`);
    for (const one of [method].flat()) patterns.push({ method: one, pattern });
  });
}

const routePatterns = (app: FastifyInstance) => patternsOf.get(app) ?? [];

const shorten = (path: string): string => (path.length > 200 ? `${path.slice(0, 197)}...` : path);
