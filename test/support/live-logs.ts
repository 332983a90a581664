/** Clients of live output: a WebSocket, and server-sent events read from a plain response. */
import { WebSocket } from 'ws';
import type { Log } from '../../src/api/contract-types.ts';
import { checkLine } from './contract-client.ts';
import { ADMIN_KEY, type TestServer } from './server.ts';

export interface Subscription {
  lines: Log[];
  socket: WebSocket;
  /** Resolves with the close code. */
  closed: Promise<number>;
}

/** Subscribes over a WebSocket; resolves when it is open. @throws with the status when the upgrade is refused */
export async function subscribe(
  server: TestServer,
  query: Record<string, string>,
  key: string = ADMIN_KEY,
): Promise<Subscription> {
  const search = new URLSearchParams({ ownerId: await server.workspaceId(), ...query });
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/logs/subscribe?${search}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const lines: Log[] = [];
  socket.on('message', (data) => {
    const line = JSON.parse(String(data)) as Log;
    checkLine(line);
    lines.push(line);
  });
  const closed = new Promise<number>((resolve) => {
    socket.on('close', resolve);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('unexpected-response', (_request, response) => {
      reject(new Error(`refused with ${response.statusCode}`));
    });
    socket.once('error', reject);
  });
  return { lines, socket, closed };
}

export interface Event {
  id?: string;
  event?: string;
  data?: string;
}

/** Reads events until `until` says stop or the server ends. @throws for any status but 200 */
export async function readEvents(
  server: TestServer,
  query: Record<string, string>,
  options: { lastEventId?: string; until?: (events: Event[]) => boolean } = {},
): Promise<Event[]> {
  const search = new URLSearchParams({ ownerId: await server.workspaceId(), ...query });
  const stop = new AbortController();
  const response = await fetch(`${server.url}/logs/stream?${search}`, {
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(options.lastEventId ? { 'last-event-id': options.lastEventId } : {}),
    },
    signal: stop.signal,
  });
  if (response.status !== 200) throw new Error(`answered ${response.status}`);
  const events: Event[] = [];
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        events.push(parseEvent(text.slice(0, end)));
        text = text.slice(end + 2);
        if (options.until?.(events)) return events;
      }
    }
  } finally {
    stop.abort();
  }
  return events;
}

function parseEvent(text: string): Event {
  const fields = text.split('\n').map((line) => /^(\w*): ?(.*)$/s.exec(line));
  return Object.fromEntries(fields.flatMap((field) => (field?.[1] ? [[field[1], field[2]]] : [])));
}
