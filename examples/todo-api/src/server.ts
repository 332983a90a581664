/** The service itself: GET and POST /todos, POST /todos/ID/done, and the page with its assets. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { extname } from 'node:path';
import { connect } from './database.js';

const pool = connect();
const publicFolder = new URL('../public/', import.meta.url);
const manifest: Record<string, string> = JSON.parse(
  await readFile(new URL('manifest.json', publicFolder), 'utf8'),
);
/** Only what the build made is served. */
const served = new Set(['index.html', ...Object.values(manifest)]);
const TYPES: Record<string, string> = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript' };
const MAX_BODY_BYTES = 64 * 1024;

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    if (!response.headersSent) send(response, 500, { error: 'internal error' });
  });
});
server.listen(Number(process.env.PORT ?? 10_000), () => console.log('listening', server.address()));
process.once('SIGTERM', () => server.close(() => pool.end()));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const done = /^\/todos\/(\d{1,18})\/done$/.exec(pathname);
  if (request.method === 'GET' && pathname === '/todos') {
    const { rows } = await pool.query('SELECT id, title, done, due_on FROM todos ORDER BY id LIMIT 100');
    return send(response, 200, rows);
  }
  if (request.method === 'POST' && pathname === '/todos') {
    const title = titleOf(await readBody(request));
    if (!title) return send(response, 400, { error: 'title must be a text' });
    const { rows } = await pool.query('INSERT INTO todos (title) VALUES ($1) RETURNING id, title, done', [
      title,
    ]);
    return send(response, 201, rows[0]);
  }
  if (request.method === 'POST' && done) {
    const { rows } = await pool.query(
      'UPDATE todos SET done = TRUE WHERE id = $1 RETURNING id, title, done',
      [done[1]],
    );
    return rows[0] ? send(response, 200, rows[0]) : send(response, 404, { error: 'no such to-do' });
  }
  const name = pathname === '/' ? 'index.html' : pathname.slice(1);
  if (request.method !== 'GET' || !served.has(name)) return send(response, 404, { error: 'not found' });
  response.setHeader('content-type', TYPES[extname(name)] ?? 'application/octet-stream');
  if (name !== 'index.html') response.setHeader('cache-control', 'public, max-age=31536000, immutable');
  response.end(await readFile(new URL(name, publicFolder)));
}

function titleOf(text: string): string | undefined {
  try {
    const { title } = JSON.parse(text) as { title?: unknown };
    return typeof title === 'string' && title.trim() !== '' ? title.trim() : undefined;
  } catch {
    return undefined;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
