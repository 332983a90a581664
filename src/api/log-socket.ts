/** Live output over a WebSocket: one line as JSON in each text frame, and no other frame. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Context } from '../context.ts';
import { deliver, type LiveRequest, type Outcome } from './live-logs.ts';

/** Close codes with the reasons that are sent along. Clients of the contract connect again after each but the first. */
const CLOSING: Record<Outcome | 'failed', [code: number, reason: string]> = {
  complete: [1000, 'all output was sent'],
  stalled: [1013, 'too slow: connect again and go on after the last line'],
  aborted: [1012, 'the server is stopping'],
  keyEnded: [1008, 'the key is not valid any more'],
  failed: [1011, 'internal error'],
};
/** A connection whose other side is gone is noticed within two of these. */
const PING_MS = 30_000;
/** How long a client may take to answer a close. */
const CLOSE_MS: Record<Outcome | 'failed', number> = {
  complete: 5000,
  // One that takes nothing does not take the close either, until it reads what was sent before.
  stalled: 60_000,
  aborted: 5000,
  keyEnded: 300,
  failed: 5000,
};
const FINAL_TEXT = 0x81;
const MAX_HEAD_BYTES = 10;

/**
 * @param connection what the socket speaks through
 * @param until the server's end, or that of the key
 */
export function serveLogSocket(
  context: Context,
  socket: WebSocket,
  connection: Socket,
  request: LiveRequest,
  until: AbortSignal,
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
      if (socket.readyState !== socket.OPEN) return;
      // One write for all: as many as there are lines cost a flood most of its time, and lie in memory as long.
      taken = new Promise((resolve) => connection.write(textFrames(texts), () => resolve()));
    },
    taken: () => taken,
    bufferedBytes: () => socket.bufferedAmount,
  };
  deliver(context, request, outlet, AbortSignal.any([gone.signal, until]), stallMs)
    .catch((error: unknown) => {
      context.logger.error('live output ended', error);
      return 'failed' as const;
    })
    .then((outcome) => {
      if (gone.signal.aborted) return;
      socket.close(...CLOSING[outcome]);
      const patience = setTimeout(() => socket.terminate(), CLOSE_MS[outcome]);
      patience.unref();
      socket.once('close', () => clearTimeout(patience));
    });
}

/** Each text in a frame of its own, as RFC 6455 has it from a server: whole, not masked, not compressed. */
function textFrames(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const frames = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + MAX_HEAD_BYTES + length, 0));
  let at = 0;
  for (const [index, text] of texts.entries()) {
    at = writeHead(frames, at, lengths[index]!);
    at += frames.write(text, at);
  }
  return frames.subarray(0, at);
}

/** @returns where the payload begins */
function writeHead(frames: Buffer, at: number, length: number): number {
  frames[at] = FINAL_TEXT;
  if (length < 126) {
    frames[at + 1] = length;
    return at + 2;
  }
  if (length < 2 ** 16) {
    frames[at + 1] = 126;
    return frames.writeUInt16BE(length, at + 2);
  }
  frames[at + 1] = 127;
  frames.writeUInt32BE(0, at + 2);
  return frames.writeUInt32BE(length, at + 6);
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
