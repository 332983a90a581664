/**
 * Live output as server-sent events, for browsers and curl. Each event is a line as JSON; its id tells how far the
 * client has come in all resources, so a client that connects again with `Last-Event-ID` misses nothing.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../context.ts';
import type { StoredLine } from '../logs/log-store.ts';
import { deliver, type LiveRequest } from './live-logs.ts';

/** Comments keep proxies from closing a quiet connection. */
const COMMENT_MS = 20_000;
/** What a client may take to read the rest of what it was sent, once its key is not good any more. */
const LAST_MS = 300;
/** How soon a browser connects again. */
const RETRY_MS = 1000;

/** Sends events until everything is sent, the client is gone or `until` aborts. Resolves then. */
export async function serveLogEvents(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  live: LiveRequest,
  until: AbortSignal,
): Promise<void> {
  const { place } = live;
  const isReturning = place.sequences.size > 0 || place.start !== undefined;
  place.start ??= live.start;
  const gone = new AbortController();
  let taken = Promise.resolve();
  let release = (): void => undefined;
  reply.raw.once('close', () => {
    gone.abort();
    release();
  });
  reply.hijack();
  const response = reply.raw;
  let hasBegun = false;
  const begin = (): void => {
    if (hasBegun) return;
    hasBegun = true;
    response.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(`retry: ${RETRY_MS}\nid: ${place}\n\n`);
  };
  // A returning browser for which nothing is left is told so by 204, on which it stops connecting again.
  if (!isReturning) begin();
  const comments = setInterval(() => {
    begin();
    response.write(':\n\n');
  }, COMMENT_MS);
  const early = setTimeout(begin, RETRY_MS);
  const outlet = {
    send: (lines: StoredLine[], texts: string[]) => {
      begin();
      let events = '';
      for (const [index, line] of lines.entries()) {
        place.moveTo(line);
        events += `id: ${place}\ndata: ${texts[index]}\n\n`;
      }
      taken = new Promise((resolve) => {
        release = resolve;
        response.write(events, () => resolve());
      });
      if (gone.signal.aborted) release();
    },
    taken: () => taken,
    bufferedBytes: () => response.writableLength,
  };
  try {
    const outcome = await deliver(context, live, outlet, AbortSignal.any([gone.signal, until]));
    if (!hasBegun && outcome === 'complete')
      response.writeHead(204, reply.getHeaders() as Record<string, string>);
    else begin();
    if (outcome === 'complete' && response.statusCode === 200) response.write('event: end\ndata: {}\n\n');
    if (outcome === 'stalled') response.destroy();
    if (outcome === 'keyEnded') setTimeout(() => response.destroy(), LAST_MS).unref();
  } catch (error) {
    context.logger.error('live output ended', error, { requestId: request.id });
    response.destroy();
  } finally {
    clearInterval(comments);
    clearTimeout(early);
    response.end();
  }
}
