/**
 * What surrounds every handler: the audit log, and answers to requests that are sent again. Both commit with the
 * handler's own write, which knows nothing of them.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../context.ts';
import { ErrandError } from '../errors.ts';
import { type AuditNote, addAuditEntry } from '../services/audit.ts';
import { answerOnce } from '../services/stored-answers.ts';
import { addressOf } from './auth.ts';
import { SECRET_READS } from './authorisation.ts';

type Work = () => Promise<unknown>;

/** Carries out handlers; made once for an application. */
export class Conduct {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Runs the handler of an audited operation. Resolves with its answer after everything that tells of it is stored. */
  async run(request: FastifyRequest, reply: FastifyReply, handler: Work): Promise<unknown> {
    const { database } = this.#context;
    let isNoted = false;
    const answer = await database.accompanied(
      (trx, result) => {
        isNoted = true;
        return addAuditEntry(this.#context, trx, note(request, reply.statusCode, idOf(result)));
      },
      () => this.#once(request, reply, handler),
    );
    // A read, or a change that found nothing to do.
    if (!isNoted) {
      const entry = note(request, reply.statusCode);
      await database.write((trx) => addAuditEntry(this.#context, trx, entry), 'jobs');
    }
    return answer;
  }

  /** Notes that a request was refused. Nobody waits for it: a refusal changes nothing. */
  noteRefusal(request: FastifyRequest, error: unknown): void {
    const { operationId } = request.routeOptions.config ?? {};
    if (!request.caller || operationId === undefined || !isAudited(operationId, request.method)) return;
    const { database, logger } = this.#context;
    const refusal =
      error instanceof ErrandError
        ? { ...note(request, error.status), message: error.message }
        : note(request, (error as { statusCode?: number }).statusCode ?? 500);
    database
      .write((trx) => addAuditEntry(this.#context, trx, refusal), 'jobs')
      .catch((cause: unknown) => logger.error('a refusal was not noted in the audit log', cause));
  }

  async #once(request: FastifyRequest, reply: FastifyReply, handler: Work): Promise<unknown> {
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || key === undefined) return handler();
    const identity = {
      workspaceId: request.caller.workspaceId,
      key: String(key),
      request: fingerprint(request),
    };
    const answer = await answerOnce(this.#context, identity, async () => {
      const body = await handler();
      return { status: reply.statusCode, body };
    });
    reply.code(answer.status);
    if (answer.replayed) reply.header('idempotency-replayed', 'true');
    return answer.body;
  }
}

/** Whether the audit log tells of an operation: of all changes, and of reads of what was given in confidence. */
export const isAudited = (operationId: string, method: string): boolean =>
  method !== 'GET' || SECRET_READS.has(operationId);

/** @param id of what was made: such a thing has no id in the path */
function note(request: FastifyRequest, status: number, id?: string): AuditNote {
  const path = Object.values((request.params ?? {}) as Record<string, string>);
  if (id !== undefined && !path.some((one) => one.includes(id))) path.push(id);
  return {
    workspaceId: request.caller.workspaceId,
    keyId: request.caller.keyId,
    action: request.routeOptions.config.operationId ?? '',
    target: path.length > 0 ? path.join('/') : undefined,
    status,
    ipAddress: addressOf(request),
    requestId: request.id,
  };
}

/** The write that makes a thing gives the thing, or its id. */
function idOf(result: unknown): string | undefined {
  const thing = result as { id?: unknown; body?: { id?: unknown } } | undefined;
  const id = typeof result === 'string' ? result : (thing?.id ?? thing?.body?.id);
  return typeof id === 'string' && /^[a-z]{3}-[0-9a-v]{20}$/.test(id) ? id : undefined;
}

/** Equal for requests that ask for the same: the order of a body's fields does not count. */
function fingerprint(request: FastifyRequest): string {
  const path = request.url.split('?')[0];
  const text = `${request.routeOptions.config.operationId}\n${path}\n${JSON.stringify(inOrder(request.body))}`;
  return createHash('sha256').update(text).digest('hex');
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, inOrder(inner)]));
}
