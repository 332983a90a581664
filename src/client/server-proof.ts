/** Makes sure, on this machine, that a server is one that knows the key, before it is sent the key. */
import { randomBytes } from 'node:crypto';
import { hashKey, isKeyProof, keyHint } from '../shared/key-proof.ts';
import { ApiError, ConnectionError } from './errors.ts';
import { isLoopback } from './host.ts';
import { apiError, parse } from './refusals.ts';

const PROOF_TIMEOUT_MS = 10_000;
/** An unknown key, too many requests, and a server that stops. */
const REFUSALS = [401, 429, 503];

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
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.#root}/v1/proof?nonce=${nonce}`, {
        headers: { accept: 'application/json', authorization: `Key-Hint ${keyHint(this.#hash)}` },
        redirect: 'error',
        signal: AbortSignal.timeout(PROOF_TIMEOUT_MS),
      });
      text = await response.text();
    } catch (error) {
      throw new ConnectionError(this.#root, error);
    }
    const body = parse(text) as { proof?: unknown; message?: unknown } | undefined;
    if (response.ok && isKeyProof(body?.proof, this.#hash, nonce)) return;
    // A refusal in the form of an Errand server tells nothing that is secret, whoever says it.
    if (REFUSALS.includes(response.status) && typeof body?.message === 'string') {
      throw apiError(response, body, text);
    }
    throw new ApiError(
      response.status,
      `what answers at ${this.#root} does not prove that it knows the key, so the key was not sent: ` +
        'it is no Errand server, or an older one',
    );
  }
}
