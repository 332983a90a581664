/** Says on standard error what a job waits for that does not start soon. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '../api/contract-types.ts';
import type { Client } from '../client/client.ts';
import { cell, say } from './output.ts';

/** A start takes a moment: only what takes longer is worth a word. */
const PATIENCE_MS = 2000;
const LOOK_EVERY_MS = 5000;

/** Looks until the job is not pending any more, or the returned function is called. */
export function tellWhyItWaits(client: Client, job: Job): () => void {
  const stop = new AbortController();
  void look(client, job, stop.signal).catch(() => undefined);
  return () => stop.abort();
}

async function look(client: Client, job: Job, signal: AbortSignal): Promise<void> {
  let said: string | undefined;
  for (let pause = PATIENCE_MS; ; pause = LOOK_EVERY_MS) {
    await sleep(pause, undefined, { signal, ref: false });
    const now = await client.call('job-by-id', { params: { jobId: job.id }, signal });
    if (now.status !== 'pending') return;
    if (now.statusReason === undefined || now.statusReason === said) continue;
    said = now.statusReason;
    say(`errand: ${job.id} waits: ${cell(said, 500)}`);
  }
}
