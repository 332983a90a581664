/** Server-sent events out of a response, as the HTML standard has them, as far as Errand's server uses it. */

export interface ServerEvent {
  /** `message` unless the server names it. */
  type: string;
  /** What `Last-Event-ID` goes on after; undefined when the event brings none. */
  id: string | undefined;
  /** Undefined for an event that moves the id alone. */
  data: string | undefined;
}

/**
 * The events that came whole; one that the connection broke in is left out.
 * @param onBytes called for whatever arrives, comments too
 * @throws what the response's body fails with
 */
export async function* readServerEvents(
  response: Response,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    onBytes();
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event) yield event;
    }
  }
}

/** @returns undefined for comments alone */
function parseEvent(block: string): ServerEvent | undefined {
  const event: ServerEvent = { type: 'message', id: undefined, data: undefined };
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).replace(/^ /, '');
    const name = line.slice(0, Math.max(0, colon));
    if (name === 'id') event.id = value;
    else if (name === 'event') event.type = value;
    else if (name === 'data') event.data = event.data === undefined ? value : `${event.data}\n${value}`;
  }
  return event.id === undefined && event.data === undefined ? undefined : event;
}
