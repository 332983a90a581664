/** Reads request bodies: JSON whatever the label says, within limits that no honest client meets. */
import type { FastifyInstance } from 'fastify';
import { ErrandError, invalid, quote } from '../errors.ts';

/** Larger than the largest legitimate body: secret files of 1 MB, JSON-escaped. */
export const BODY_LIMIT_BYTES = 8 * 1024 * 1024;
const MAX_DEPTH = 32;
/** Items of one list, fields of one object. */
const MAX_ITEMS = 5000;
/** UTF-16 code units of one text: 1 MB of secret file and room. */
const MAX_TEXT = 2 * 1024 * 1024;

/** Makes the application read every body as JSON. */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  // Clients that forget the header send JSON all the same: judge the text, not its label.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, parseBody(String(text)));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** @throws `invalidRequest` for what is not JSON or is beyond a limit */
export function parseBody(text: string): unknown {
  if (text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('the body is not valid JSON');
  }
  checkLimits(value, 1, 'the body');
  return value;
}

function checkLimits(value: unknown, depth: number, where: string): void {
  if (typeof value === 'string') {
    checkText(value, where);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw invalid(`${where} is nested more than ${MAX_DEPTH} levels deep`);
  const entries = Object.entries(value);
  if (entries.length > MAX_ITEMS) {
    throw invalid(`${where} has ${entries.length} items, at most ${MAX_ITEMS} are accepted`);
  }
  for (const [name, inner] of entries) {
    checkText(name, `a field name in ${where}`);
    if (name === '__proto__') throw invalid(`the field name ${quote(name)} is not accepted`);
    checkLimits(inner, depth + 1, Array.isArray(value) ? where : `the body field ${name.slice(0, 100)}`);
  }
}

function checkText(text: string, where: string): void {
  if (text.length > MAX_TEXT) {
    throw new ErrandError(
      'payloadTooLarge',
      `${where} has ${text.length} characters, at most ${MAX_TEXT} are accepted`,
    );
  }
  // Neither survives every database and every process environment.
  if (text.includes('\0')) throw invalid(`${where} must not contain a NUL character`);
  if (!text.isWellFormed()) throw invalid(`${where} must be well-formed Unicode, it has a lone surrogate`);
}
