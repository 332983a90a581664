/**
 * Fetches LFS objects: the server asks the host's LFS API itself, over addresses that it checked, and keeps what has the
 * size and the sum that its pointer says. Pointers, answers and addresses come from strangers.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { getCACertificates, rootCertificates } from 'node:tls';
import type { AddressRule } from '../../shared/addresses.ts';
import { resolveDestination, UnreachableError } from '../../shared/destination.ts';
import type { Secret } from '../../shared/secret.ts';

export interface LfsObject {
  oid: string;
  size: number;
}

/** Where the LFS API is, and what it is to be shown. */
export interface LfsEndpoint {
  href: string;
  headers: Record<string, Secret>;
}

export interface LfsOptions {
  rule: AddressRule;
  ca: string | undefined;
  stop: AbortSignal;
}

/** Why objects were not fetched; fit for the build's log. */
class LfsError extends Error {}

const BATCH = 100;
const MAX_ANSWER_BYTES = 8 * 2 ** 20;
const MAX_REDIRECTS = 5;
const IDLE_MS = 30_000;
const MEDIA_TYPE = 'application/vnd.git-lfs+json';

/** Reads the lines `oid HEX` and `size N` that the script makes of pointers; an object that is named twice is one. */
export function parsePointers(text: string): LfsObject[] {
  const objects = new Map<string, LfsObject>();
  for (const [, oid, size] of text.matchAll(/^oid ([0-9a-f]{64})\nsize (\d{1,15})$/gm)) {
    objects.set(oid!, { oid: oid!, size: Number(size) });
  }
  return [...objects.values()];
}

/**
 * Fetches objects into `folder`, each under its oid.
 * @returns why those that are missing are; nothing when all are there
 * @throws the reason of `stop` when that aborts, and what the disk refuses
 */
export async function fetchObjects(
  objects: readonly LfsObject[],
  endpoint: LfsEndpoint,
  folder: string,
  options: LfsOptions,
): Promise<string[]> {
  const failures = new Set<string>();
  for (let at = 0; at < objects.length; at += BATCH) {
    const some = objects.slice(at, at + BATCH);
    try {
      const actions = await askFor(some, endpoint, options);
      for (const object of some) {
        const action = actions.get(object.oid);
        if (typeof action === 'string') failures.add(action);
        else if (!action) failures.add('the LFS server did not answer for all objects');
        else await download(object, action, folder, options).catch(note(failures, options.stop));
      }
    } catch (error) {
      note(failures, options.stop)(error);
    }
  }
  return [...failures];
}

const note =
  (failures: Set<string>, stop: AbortSignal) =>
  (error: unknown): void => {
    stop.throwIfAborted();
    if (!(error instanceof LfsError || error instanceof UnreachableError)) throw error;
    failures.add(error.message);
  };

interface Action {
  href: URL;
  headers: Record<string, string>;
}

/** @returns for each oid where it is, or why it is not to be had */
async function askFor(
  objects: readonly LfsObject[],
  { href, headers }: LfsEndpoint,
  options: LfsOptions,
): Promise<Map<string, Action | string>> {
  const url = parseUrl(`${href.replace(/\/+$/, '')}/objects/batch`);
  const body = JSON.stringify({ operation: 'download', transfers: ['basic'], hash_algo: 'sha256', objects });
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()]));
  const answer = await ask(
    url,
    'POST',
    { ...own, accept: MEDIA_TYPE, 'content-type': MEDIA_TYPE },
    body,
    options,
  );
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw new LfsError(`the LFS server at ${url.host} answered ${answer.statusCode}`);
  }
  const found = new Map<string, Action | string>();
  for (const one of parseAnswer(await textOf(answer, url))) {
    const given = one.actions?.download;
    if (typeof one.oid !== 'string') continue;
    if (!given) {
      found.set(
        one.oid,
        `the LFS server has no such object (${Number(one.error?.code) || 'no reason given'})`,
      );
      continue;
    }
    const to = parseUrl(String(given.href));
    const isOwn = to.origin === url.origin;
    // What opens the API is shown to its own host alone, and there only where the answer brings nothing of its own.
    const brought = plainHeaders(given.header);
    const authorization = own['authorization'];
    const needsOwn = isOwn && authorization && !one.authenticated && !('authorization' in brought);
    found.set(one.oid, { href: to, headers: needsOwn ? { ...brought, authorization } : brought });
  }
  return found;
}

interface BatchObject {
  oid?: unknown;
  authenticated?: unknown;
  error?: { code?: unknown };
  actions?: { download?: { href?: unknown; header?: unknown } };
}

function parseAnswer(text: string): BatchObject[] {
  try {
    const { objects } = JSON.parse(text) as { objects?: unknown };
    if (Array.isArray(objects)) return objects.filter((one) => typeof one === 'object' && one !== null);
  } catch {
    // As an answer without objects.
  }
  throw new LfsError('the LFS server gave an answer that is none');
}

function plainHeaders(given: unknown): Record<string, string> {
  if (typeof given !== 'object' || given === null) return {};
  return Object.fromEntries(
    Object.entries(given)
      .filter(
        ([name, value]) => /^[\w-]+$/.test(name) && typeof value === 'string' && /^[\x20-\x7e]*$/.test(value),
      )
      .map(([name, value]) => [name.toLowerCase(), value as string]),
  );
}

async function download(
  object: LfsObject,
  action: Action,
  folder: string,
  options: LfsOptions,
): Promise<void> {
  let { href, headers } = action;
  let answer = await ask(href, 'GET', headers, undefined, options);
  for (let left = MAX_REDIRECTS; [301, 302, 303, 307, 308].includes(answer.statusCode ?? 0); left -= 1) {
    answer.destroy();
    const to = parseUrl(URL.parse(answer.headers.location ?? '', href.href)?.href ?? '');
    if (left === 0) throw new LfsError('the LFS server leads in a circle');
    if (to.origin !== href.origin) headers = {};
    href = to;
    answer = await ask(href, 'GET', headers, undefined, options);
  }
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw new LfsError(`the LFS store at ${href.host} answered ${answer.statusCode}`);
  }
  const partial = join(folder, `${object.oid}.part`);
  const sum = createHash('sha256');
  let size = 0;
  try {
    await pipeline(
      answer,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          size += chunk.length;
          if (size > object.size) throw new LfsError('an LFS object is larger than its pointer says');
          sum.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(partial, { mode: 0o644 }),
      { signal: options.stop },
    );
    if (size !== object.size || sum.digest('hex') !== object.oid) {
      throw new LfsError('an LFS object is not what its pointer says');
    }
    await rename(partial, join(folder, object.oid));
  } catch (error) {
    await rm(partial, { force: true });
    if (isOfNetwork(error)) throw new UnreachableError(href.hostname, { cause: error });
    throw error;
  }
}

/** One request over an address that was checked; resolves with the head of the answer. */
async function ask(
  url: URL,
  method: string,
  headers: Record<string, string>,
  body: string | undefined,
  { rule, ca, stop }: LfsOptions,
): Promise<IncomingMessage> {
  const { addresses } = await resolveDestination(url.hostname, rule);
  const checked = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  try {
    const request = httpsRequest(url, {
      method,
      headers: { 'user-agent': 'errand', ...headers },
      // In place of asking once more: a second answer might be another.
      lookup: (_host, { all }, done) => {
        if (all) done(null, checked);
        else done(null, checked[0]!.address, checked[0]!.family);
      },
      ...(ca ? { ca: [...getCACertificates('system'), ...rootCertificates, ca] } : {}),
      agent: false,
      timeout: IDLE_MS,
      signal: stop,
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.end(body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    return answer;
  } catch (cause) {
    stop.throwIfAborted();
    throw new UnreachableError(url.hostname, { cause });
  }
}

async function textOf(answer: IncomingMessage, url: URL): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) throw new LfsError('the LFS server gave an answer that is too long');
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof LfsError) throw cause;
    throw new UnreachableError(url.hostname, { cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw new LfsError('the LFS server is not at an https address');
  }
  return url;
}

const isOfNetwork = (error: unknown): boolean =>
  ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ETIMEDOUT', 'EPIPE', 'ECONNABORTED'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
