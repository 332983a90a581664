/**
 * The truth to count against: a listener of the harness to which each job says what it does. It knows nothing of
 * Errand, and a job's word is kept even when the job, its supervisor and the server are killed the next instant.
 *
 * A line is `start JOB NONCE`, `line JOB N` or `end JOB`; a start is acknowledged, and the job waits for that.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';

export interface Told {
  /** One nonce for each time the command began. */
  starts: string[];
  /** The highest number that it said it had printed. */
  printed: number;
  ended: boolean;
}

export class Truth {
  readonly #server: Server;
  readonly #file: WriteStream;
  readonly #told = new Map<number, Told>();

  private constructor(file: string) {
    this.#file = createWriteStream(file, { flags: 'a' });
    this.#server = createServer((socket) => {
      // A killed job resets its connection.
      socket.on('error', () => undefined);
      const lines = createInterface({ input: socket });
      lines.on('error', () => undefined);
      lines.on('line', (line) => {
        this.#note(line);
        if (line.startsWith('start ')) socket.write('go\n');
      });
    });
  }

  /** @param file where every word is appended */
  static async listen(file: string): Promise<Truth> {
    const truth = new Truth(file);
    await new Promise<void>((resolve) => truth.#server.listen(0, '127.0.0.1', resolve));
    return truth;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  of(job: number): Told {
    return this.#told.get(job) ?? { starts: [], printed: 0, ended: false };
  }

  /** Shell text with which a job's command begins: says that it started, with a nonce, and waits for the answer. */
  preamble(job: number): string {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the job's shell fills it in
    const nonce = '${EPOCHREALTIME}-${RANDOM}';
    return `exec 3<>/dev/tcp/127.0.0.1/${this.port}; echo "start ${job} ${nonce}" >&3; read -r _ <&3; `;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    await new Promise<void>((resolve) => this.#file.end(() => resolve()));
  }

  #note(line: string): void {
    this.#file.write(`${line}\n`);
    const [word, number, rest] = line.split(' ');
    const told = this.of(Number(number));
    this.#told.set(Number(number), told);
    if (word === 'start') told.starts.push(rest ?? '');
    else if (word === 'line') told.printed = Math.max(told.printed, Number(rest));
    else if (word === 'end') told.ended = true;
  }
}
