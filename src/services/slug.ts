import { randomInt } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Keeps a slug within the 63 characters of a host name's label. */
const MAX_BASE_LENGTH = 50;

/** `My API` → `my-api-x7f2`: a name for hosts and syslog, made unique by four random characters. */
export function newSlug(name: string): string {
  const base = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_BASE_LENGTH)
    .replaceAll(/^-+|-+$/g, '');
  const tail = Array.from({ length: 4 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${base || 'service'}-${tail}`;
}
