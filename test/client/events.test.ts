import { expect, test } from 'vitest';
import { readServerEvents, type ServerEvent } from '../../src/client/events.ts';

async function read(chunks: Uint8Array[]): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of readServerEvents(new Response(ReadableStream.from(chunks)))) events.push(event);
  return events;
}

const TEXT =
  'retry: 1000\nid: a\n\n:\n\nid: b\ndata: {"x":"gr\u00fc\u00df \u{1f44b}: y"}\n\nevent: end\ndata: {}\n\nid: c\ndata: bro';
const EVENTS = [
  { type: 'message', id: 'a', data: undefined },
  { type: 'message', id: 'b', data: '{"x":"gr\u00fc\u00df \u{1f44b}: y"}' },
  { type: 'end', id: undefined, data: '{}' },
];

test('events are read whole wherever the chunks break, and one that was cut off is left out', async () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let at = 0; at <= bytes.length; at++) {
    expect(await read([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(EVENTS);
  }
  expect(await read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(EVENTS);
});
