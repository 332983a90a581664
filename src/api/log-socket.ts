/** Live output over a WebSocket: one line as JSON in each text frame, and no other frame. */
import type { WebSocket } from 'ws';
import type { Context } from '../context.ts';
import { deliver, type LiveRequest, type Outcome } from './live-logs.ts';

/** Close codes with the reasons that are sent along. Clients of the contract connect again after each but the first. */
const CLOSING: Record<Outcome | 'failed', [code: number, reason: string]> = {
  complete: [1000, 'all output was sent'],
  stalled: [1013, 'too slow: connect again and go on after the last line'],
  aborted: [1012, 'the server is stopping'],
  failed: [1011, 'internal error'],
};
/** A connection whose other side is gone is noticed within two of these. */
const PING_MS = 30_000;
/** How long a client may take to answer a close. */
const CLOSE_MS = 5000;

/** @param stopping the server's end */
export function serveLogSocket(
  context: Context,
  socket: WebSocket,
  request: LiveRequest,
  stopping: AbortSignal,
  stallMs?: number,
): void {
  const gone = new AbortController();
  const stopPings = keepAlive(socket);
  socket.on('close', () => {
    stopPings();
    gone.abort();
  });
  let taken = Promise.resolve();
  const outlet = {
    send: (_lines: unknown, texts: string[]) => {
      for (const text of texts.slice(0, -1)) socket.send(text);
      taken = new Promise((resolve) => socket.send(texts.at(-1)!, () => resolve()));
    },
    taken: () => taken,
    bufferedBytes: () => socket.bufferedAmount,
  };
  deliver(context, request, outlet, AbortSignal.any([gone.signal, stopping]), stallMs)
    .catch((error: unknown) => {
      context.logger.error('live output ended', error);
      return 'failed' as const;
    })
    .then((outcome) => {
      if (gone.signal.aborted) return;
      socket.close(...CLOSING[outcome]);
      // One that takes nothing does not take the close either, until it reads what was sent before.
      const patience = setTimeout(() => socket.terminate(), outcome === 'stalled' ? 12 * CLOSE_MS : CLOSE_MS);
      patience.unref();
      socket.once('close', () => clearTimeout(patience));
    });
}

function keepAlive(socket: WebSocket): () => void {
  let isAlive = true;
  socket.on('pong', () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    // A reader that is behind answers late: it is judged by what it takes.
    if (!isAlive && socket.bufferedAmount === 0) socket.terminate();
    isAlive = false;
    socket.ping();
  }, PING_MS);
  timer.unref();
  return () => clearInterval(timer);
}
