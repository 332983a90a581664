/**
 * Resource ids: a 4-character prefix and 20 characters of lower-case base32hex. The body is 12 bytes:
 * 4 of seconds, 5 random per process, 3 of a counter, so that ids made by one process sort by time.
 */
import { randomBytes, randomInt } from 'node:crypto';

export type IdPrefix =
  | 'srv'
  | 'crn'
  | 'dep'
  | 'job'
  | 'evt'
  | 'tea'
  | 'usr'
  | 'evg'
  | 'evm'
  | 'prj'
  | 'dsk'
  | 'whk'
  | 'rgc'
  | 'art'
  | 'key'
  | 'aud'
  | 'cdm'
  | 'run'
  | 'whe'
  | 'snp';

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
const processBytes = randomBytes(5);
let counter = randomInt(0x1000000);

function base32hex(bytes: Buffer): string {
  let out = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return bits > 0 ? out + ALPHABET[(buffer << (5 - bits)) & 31] : out;
}

/** A new id. @param prefix the kind of resource, without the dash */
export function newId(prefix: IdPrefix, nowMs: number = Date.now()): string {
  counter = (counter + 1) & 0xffffff;
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(Math.floor(nowMs / 1000), 0);
  processBytes.copy(bytes, 4);
  bytes.writeUIntBE(counter, 9, 3);
  return `${prefix}-${base32hex(bytes)}`;
}

/** Whether a text has the form of an id (of one of the given kinds, where named). */
export function isId(text: string, ...prefixes: IdPrefix[]): boolean {
  if (!/^[a-z]{3}-[0-9a-v]{20}$/.test(text)) return false;
  return prefixes.length === 0 || prefixes.some((prefix) => text.startsWith(`${prefix}-`));
}
