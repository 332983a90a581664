/** Every refusal and failure in the contract's error shape, whichever layer of the server it comes from. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ErrandError, type ErrorCode, errorStatuses, notFound } from '../errors.ts';
import type { Logger } from '../shared/logger.ts';
import { absentKinds } from './extension-operations.ts';

interface ErrorBody {
  message: string;
  code?: string;
  id?: string;
}

/** Status and body of any error; text that was not meant for clients goes to the log only. */
export function describeError(error: unknown, request: FastifyRequest, logger: Logger): [number, ErrorBody] {
  if (error instanceof ErrandError) {
    // What is refused by design is no failure. Behind `unavailable` there may be one; it is told without its stack.
    if (error.status === 500) logger.error('request failed', error, { requestId: request.id });
    else if (error.cause !== undefined) {
      logger.warn('request refused', {
        why: error.message,
        cause: String(error.cause),
        requestId: request.id,
      });
    }
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
  app.setNotFoundHandler(async (request, reply) => refuseUnknown(app, request, reply));
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * Refuses what no route serves: a path that is known with other methods, one of the API that is not served here, and
 * one of nothing. To be called before the body is read. Sets the header `Allow` where there is something to allow.
 * @throws `methodNotAllowed`, `notImplemented`, `notFound`
 */
export function refuseUnknown(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): never {
  const path = request.url.split('?')[0]!;
  const what = `${request.method} ${shorten(path)}`;
  const allowed = METHODS.filter((method) => knows(app, method, path));
  if (allowed.length > 0 && !isAbsentKind(path)) {
    reply.header('allow', allowed.join(', '));
    throw new ErrandError('methodNotAllowed', `${what}; this path takes ${allowed.join(', ')}`);
  }
  // Not 404: to clients that would say that a thing is gone.
  if (path.startsWith('/v1/')) {
    throw new ErrandError(
      'notImplemented',
      `this server has no ${what}; GET /v1/openapi.json has all that it has`,
    );
  }
  throw notFound(what);
}

/** Kinds that this server lists, emptily, and does not have. */
const isAbsentKind = (path: string): boolean => absentKinds.some((kind) => path.startsWith(`/v1/${kind}`));

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
