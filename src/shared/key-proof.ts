/**
 * How a server proves that it knows an API key before it is sent the key itself: on the machine of the server, whoever
 * listens at its port while it does not run could otherwise ask for it. The server keeps a hash of the key; the client
 * names the key by a part of that hash, and a number that was never used, and gets back what only the hash can make.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What is stored of a key, in hex. */
export const hashKey = (key: string): string => createHash('sha256').update(key).digest('hex');

/** Names a key to a server that has its hash, and says too little to make a proof. */
export const keyHint = (hash: string): string => hash.slice(0, 16);

/** @param nonce that the client made up for this once */
export const keyProof = (hash: string, nonce: string): string =>
  createHmac('sha256', hash).update(`errand knows the key\n${nonce}`).digest('hex');

export function isKeyProof(proof: unknown, hash: string, nonce: string): boolean {
  const [given, right] = [Buffer.from(String(proof)), Buffer.from(keyProof(hash, nonce))];
  return given.length === right.length && timingSafeEqual(given, right);
}
