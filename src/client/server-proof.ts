/** Makes sure, on this machine, that a server is one that knows the key, before it is sent the key. */
import { randomBytes } from 'node:crypto';
import { hashKey, isKeyProof, keyHint } from '../shared/key-proof.ts';
import { ApiError, ConnectionError } from './errors.ts';
import { isLoopback } from './host.ts';

const PROOF_TIMEOUT_MS = 10_000;

export class ServerProof {
  readonly #root: string;
  readonly #hash: string;
  #proven: Promise<void> | undefined;

  /** @returns undefined where a certificate proves it, or nobody of this machine could be in between */
  static for(root: string, apiKey: string): ServerProof | undefined {
    const url = new URL(root);
    return url.protocol === 'http:' && isLoopback(url.host) ? new ServerProof(root, apiKey) : undefined;
  }

  private constructor(root: string, apiKey: string) {
    this.#root = root;
    this.#hash = hashKey(apiKey);
  }

  /**
   * Asks once, and again after `forget`.
   * @throws ApiError when the server knows no such key, or another program answers; ConnectionError when none does
   */
  check(): Promise<void> {
    this.#proven ??= this.#ask().catch((error: unknown) => {
      this.forget();
      throw error;
    });
    return this.#proven;
  }

  /** Somebody else may answer from now on. */
  forget(): void {
    this.#proven = undefined;
  }

  async #ask(): Promise<void> {
    const nonce = randomBytes(32).toString('hex');
    let status: number;
    let text: string;
    try {
      const response = await fetch(`${this.#root}/v1/proof?nonce=${nonce}`, {
        headers: { accept: 'application/json', authorization: `Key-Hint ${keyHint(this.#hash)}` },
        redirect: 'error',
        signal: AbortSignal.timeout(PROOF_TIMEOUT_MS),
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      throw new ConnectionError(this.#root, error);
    }
    const answer = fieldsOf(text);
    if (status === 200 && isKeyProof(answer['proof'], this.#hash, nonce)) return;
    // A refusal by an Errand server tells nothing that is secret, whoever says it.
    if ([401, 429, 503].includes(status) && typeof answer['message'] === 'string') {
      throw new ApiError(status, answer['message']);
    }
    throw new ApiError(
      status,
      `what answers at ${this.#root} does not prove that it knows the key, so the key was not sent: ` +
        'it is no Errand server, or an older one',
    );
  }
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
