/** A thread that asks a server for its owners all the time, and tells how long the slowest answer took. */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const EVERY_MS = 10;

interface Target {
  url: string;
  key: string;
}

export interface Probed {
  requests: number;
  failures: number;
  /** Milliseconds. */
  slowest: number;
  p99: number;
}

export class Probe {
  readonly #worker: Worker;

  constructor(target: Target) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: target });
    this.#worker.unref();
  }

  /** What was seen since this was asked last. */
  async take(): Promise<Probed> {
    const answer = new Promise<Probed>((resolve) => this.#worker.once('message', resolve));
    this.#worker.postMessage('take');
    return answer;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

if (!isMainThread && parentPort) await ask(workerData as Target);

async function ask({ url, key }: Target): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  let times: number[] = [];
  let failures = 0;
  parentPort!.on('message', () => {
    times.sort((a, b) => a - b);
    const probed: Probed = {
      requests: times.length,
      failures,
      slowest: Math.round(times.at(-1) ?? 0),
      p99: Math.round(times[Math.floor(times.length * 0.99)] ?? 0),
    };
    parentPort!.postMessage(probed);
    times = [];
    failures = 0;
  });
  for (;;) {
    const began = performance.now();
    const isGood = await new Promise<boolean>((resolve) => {
      request(`${url}/owners`, { agent, headers: { authorization: `Bearer ${key}` } }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode === 200));
      })
        .on('error', () => resolve(false))
        .end();
    });
    if (isGood) times.push(performance.now() - began);
    else failures += 1;
    await delay(EVERY_MS);
  }
}
