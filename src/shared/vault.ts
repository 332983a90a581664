/**
 * Encryption at rest: AES-256-GCM with a random nonce for each value. The id of the row that holds a value is
 * bound in as associated data, so a ciphertext moved to another row does not open.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export const KEY_BYTES = 32;

/** A sealed value that this key does not open: it was sealed with another key, belongs to another row, or is damaged. */
export class SealedWithAnotherKey extends Error {}

export class Vault {
  readonly #key: Buffer;

  /** @param key 32 bytes */
  constructor(key: Buffer) {
    if (key.length !== KEY_BYTES) throw new Error(`a master key has 32 bytes, this one has ${key.length}`);
    this.#key = key;
  }

  /** What the key is called where people must tell keys apart; says nothing about the key itself. */
  get keyId(): string {
    return createHmac('sha256', this.#key).update('errand: id of a master key').digest('hex').slice(0, 8);
  }

  /** Encrypts a text. @param boundTo the id of the row that will hold it */
  seal(plain: string, boundTo: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(boundTo));
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]).toString('base64');
  }

  /** Decrypts what `seal` made. @throws SealedWithAnotherKey when the key, the row or the text is another */
  open(sealed: string, boundTo: string): string {
    const bytes = Buffer.from(sealed, 'base64');
    try {
      if (bytes[0] !== VERSION) throw new Error(`a sealed value of unknown version ${bytes[0]}`);
      const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
      const tag = bytes.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(boundTo));
      decipher.setAuthTag(tag);
      const body = bytes.subarray(1 + NONCE_BYTES + TAG_BYTES);
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new SealedWithAnotherKey(
        `the master key ${this.keyId} does not open what is sealed for ${boundTo}`,
        {
          cause,
        },
      );
    }
  }

  /** Whether this key opens it. */
  opens(sealed: string, boundTo: string): boolean {
    try {
      this.open(sealed, boundTo);
      return true;
    } catch (error) {
      if (error instanceof SealedWithAnotherKey) return false;
      throw error;
    }
  }
}
